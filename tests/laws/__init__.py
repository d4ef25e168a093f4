"""The laws of follow-up, measured: what updates, calls and follow runs cost, and that nothing is lost.

The engine runs as it is deployed, on an ECI and a store of tasks in memory, on a clock that only calls and
waits move. So a day of a failing cache takes milliseconds, and the same seed gives the same day.
"""
