"""Which tags a list is to have: tag policies, rules, and the slots that tags compete for.

Pure. It must not know settings, updates, or what triggered a change.
"""
