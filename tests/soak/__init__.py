"""A long run on the local cloud: many pushes, many faults, and an oracle that checks that none is lost."""
