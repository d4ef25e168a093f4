"""Function Compute on a laptop: functions in processes of their own, triggers, and the invocation API.

It must not know ECI, the event bus beyond the form of its rules, or what the functions do.
"""
