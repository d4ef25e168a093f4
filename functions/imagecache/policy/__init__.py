"""Which tags a list is to have: tag policies, rules, and the places that tags compete for. Pure."""
