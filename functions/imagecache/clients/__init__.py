"""Everything that opens a connection: ECI, Function Compute, Container Registry, OCI registries."""
