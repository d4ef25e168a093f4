"""Decides: what a change asks of a cache, what the cache remembers, and the request that is sent.

Pure: no I/O, no environment, no clock of its own. It must not know clients.
"""
