"""The command line. One file a subcommand; nothing heavy is imported before a command runs."""
