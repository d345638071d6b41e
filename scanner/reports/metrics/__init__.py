"""The numbers of a scan for monitoring systems."""
