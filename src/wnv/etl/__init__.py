"""The file format: bytes to buffers to columns of event headers (etl-format.md)."""
