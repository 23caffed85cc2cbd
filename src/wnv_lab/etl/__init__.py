"""ETL files, written byte by byte from the format's description; shares nothing with wnv's reader."""
