"""Queries and filters over the tables of a trace; the only place for duckdb."""
