"""The engine: decides what is read, in which order and when it can be trusted. Knows no AWS, no file and no Arrow."""
