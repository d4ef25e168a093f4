"""What the application talks about: image references, registries, image caches, and changes to them.

Pure values and functions. It must not know rules, settings, or where a value came from.
"""
