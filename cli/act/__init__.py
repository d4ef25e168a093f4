"""What a person has done to image caches: shown first, confirmed, done by the functions, and watched.

Only the tag of a hold is set here; every update is the functions' own. It must not decide what a push means.
"""
