"""The demonstration: the main job as a story on the local cloud, with every sentence of it checked.

It must not know the servers from inside: it uses them as any client does.
"""
