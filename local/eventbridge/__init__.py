"""EventBridge on a laptop: takes CloudEvents, and hands those that a rule matches to its function."""
