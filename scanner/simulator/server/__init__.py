"""Serves the simulated organization on one HTTP port of this machine."""
