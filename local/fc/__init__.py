"""Function Compute on a laptop: functions in processes of their own, triggers, and the invocation API."""
