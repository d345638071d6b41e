"""Machines as EC2, Inventory, associations, tags and baselines know them: one module for each source."""
