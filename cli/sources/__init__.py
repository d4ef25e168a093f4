"""Where the things come from that are asked about: files, an account, the local cloud.

It must not know what is asked.
"""
