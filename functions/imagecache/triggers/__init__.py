"""What starts the functions, and how its event is read into changes.

It decides nothing about caches: it must not know more of the engine than the calls that run it.
"""
