"""What turns the source into a running stack: the package, the template's checks, the vendor's commands."""
