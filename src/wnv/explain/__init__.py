"""What went wrong, in plain words, with the evidence: rules over the tables."""
