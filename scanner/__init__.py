"""Reads the patches of every AWS Systems Manager managed node in an organization into one verified data set."""

__version__ = "0.1.0"
