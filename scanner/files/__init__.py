"""Named bytes in a place: a folder or an S3 prefix."""
