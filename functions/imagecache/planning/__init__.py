"""Decides: what a change asks of a cache, what the cache remembers, and the request that is sent. Pure."""
