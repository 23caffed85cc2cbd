"""What the fields of an event are, and their values as columns. Knows no single Windows provider."""
