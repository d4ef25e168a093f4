"""The command ``python -m local``: its options, and what each command prints.

It must not know how anything is served: it starts the servers, or asks running ones over HTTP.
"""
