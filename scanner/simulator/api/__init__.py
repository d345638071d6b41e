"""Answers each simulated AWS operation, from a raw request to a reply, without any I/O."""
