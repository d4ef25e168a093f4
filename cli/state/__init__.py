"""How image caches stand now.

What a cache remembers is read by the library.
"""
