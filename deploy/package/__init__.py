"""Makes the zip file that Function Compute runs: the functions, their schemas and their dependencies.

Must not know the template or any cloud: what is made here is a file on this machine.
"""
