"""Since when patches are lacking."""
