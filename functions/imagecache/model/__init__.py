"""What the application talks about: image references, registries, image caches, and changes to them. Pure."""
