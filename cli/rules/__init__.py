"""Whether rules are right, and what they say.

What a rule means is asked of the library.
"""
