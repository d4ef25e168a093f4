"""The on-failure queue: what is in it, sent again or dropped. Nothing is removed but by a person's word."""
