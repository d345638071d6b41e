"""The simulated organization behind one HTTP port on this machine."""
