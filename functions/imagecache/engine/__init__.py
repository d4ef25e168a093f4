"""Does what was decided: reads, updates, follows up, records."""
