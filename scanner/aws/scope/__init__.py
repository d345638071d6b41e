"""From a scope to its targets: which accounts, which Regions of each, and the role assumed in each account."""
