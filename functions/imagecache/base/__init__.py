"""Words and tools that know nothing of image caches: errors, reason codes, JSON from outside, time, environment."""
