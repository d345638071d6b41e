"""Keeps the address under which plug-ins of version 0.1.0 import the errors; they live in `scanner.core.errors`."""

from scanner.core.errors import ConfigError, PatchsweepError, ScanNotFound, SinkError, StoreError

__all__ = ["ConfigError", "PatchsweepError", "ScanNotFound", "SinkError", "StoreError"]
