"""Tables and frames to files that other programs read; knows nothing of ETW."""
