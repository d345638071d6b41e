"""SSM requests over connections of our own, and the interface that every transport has."""
