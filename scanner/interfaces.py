"""Keeps the address under which plug-ins of version 0.1.0 import protocols; they live in `scanner.core.interfaces`."""

from scanner.core.interfaces import Files, NodeBatch, ProbedSink, ScanSummary, Sink

__all__ = ["Files", "NodeBatch", "ProbedSink", "ScanSummary", "Sink"]
