"""Everything that opens a connection: ECI, Function Compute, Container Registry, OCI registries.

SDKs and HTTP libraries are imported here alone. It decides nothing and must not know planning.
"""
