"""Words and tools that know nothing of image caches: errors, reasons, JSON from outside, time, environment.

Imports no other room. It does not know what a cache, a registry or a push is.
"""
