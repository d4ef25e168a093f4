"""Does what was decided: reads caches, applies decisions, follows up, limits, records.

It must not know how an invocation was started or how a payload looks.
"""
