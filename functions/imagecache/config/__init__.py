"""What a deployment sets: environment variables and the rules file.

It must not know who uses a setting, and nothing reads the environment after it.
"""
