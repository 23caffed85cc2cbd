"""A simulated Windows host: its virtual network, its packets, and the recordings Windows would have made of them.

Written from the documents in docs/formats and docs/reference alone, and imports nothing of `wnv`: what the lab
writes and `wnv` reads are two independent readings of the same facts.
"""
