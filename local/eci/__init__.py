"""Elastic Container Instance on a laptop: the image cache and tag calls of API 2018-08-08, over real sockets.

Where the public documents leave open what the cloud does, a setting chooses (``settings``), so that a client
can be shown to be right either way. It must not know who calls: no function, no other server.
"""
