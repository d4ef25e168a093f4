"""What starts the functions, and how its event is read."""
