"""Payloads of Windows' events, a provider a module: what its driver would have written, from the public schemas.

Every module has `KIND_<id>` for each event that it can write (with the version where there are several), functions
that pack the fields of one event, and templates for events so frequent that their constant part is packed once.
"""
