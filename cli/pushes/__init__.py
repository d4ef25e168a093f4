"""What a push would do, and why not.

It asks the library, and must not decide anything itself.
"""
