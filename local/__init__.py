"""The cloud on a laptop: servers on loopback that stand in for the platform, for tests and demonstrations.

Nothing in this package is deployed, and nothing in it imports the application's library: what the two agree
on is what goes over the sockets.
"""
