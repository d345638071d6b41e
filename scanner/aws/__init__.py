"""The way to AWS: credentials, the one funnel of calls, and what its answers mean."""
