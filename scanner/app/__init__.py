"""Puts the parts together: the only place that names concrete classes. One function a command."""

from scanner.app.examining import run_doctor
from scanner.app.finished import Finished, PatchTotals
from scanner.app.opened_store import open_store
from scanner.app.planning import run_plan
from scanner.app.publishing import PublishReport, run_publish
from scanner.app.scanning import run_scan

__all__ = [
    "Finished",
    "PatchTotals",
    "PublishReport",
    "open_store",
    "run_doctor",
    "run_plan",
    "run_publish",
    "run_scan",
]
