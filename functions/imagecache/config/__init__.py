"""What a deployment sets: environment variables and the rules file."""
