"""Packets as columns: frames, their headers, the points they are seen at. Knows nothing of ETW."""
