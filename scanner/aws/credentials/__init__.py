"""The credentials of assumed roles, and which of them the current task signs with."""
