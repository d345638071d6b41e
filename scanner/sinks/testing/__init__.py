"""The contract of sinks as a test suite, and the small scans it tries them with."""
