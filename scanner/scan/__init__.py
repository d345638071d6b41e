"""The engine: decides and orders; knows no AWS, no file and no Arrow."""
