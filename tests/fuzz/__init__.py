"""Mutated payloads of every source: none is answered wrongly, none causes an update without asking for it."""
