"""The simulated organization and its faults as frozen models."""
