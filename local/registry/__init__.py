"""Container registries to push to: a real docker-registry, or its notification alone.

It must not know who is notified, nor anything of the local cloud.
"""
