"""Which tags a list should have: tag policies, rules, and the slots that tags compete for.

Pure. It must not know settings, updates, or what triggered a change.
"""
