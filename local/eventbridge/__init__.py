"""EventBridge on a laptop: takes CloudEvents, and hands those that a rule matches to its function.

It must not know how a function is run: it is given what takes an event.
"""
