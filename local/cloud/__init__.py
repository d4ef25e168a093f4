"""All servers together, from one state folder: what is served, which code runs, start and end.

It must not know what the functions do, nor how a server does its work.
"""
