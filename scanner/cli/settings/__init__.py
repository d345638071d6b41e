"""Settings from a file, variables and options, checked as a whole."""
