"""Trace folders: the tables of `schema` as Parquet files."""
