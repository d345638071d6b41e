"""Puts the parts together: the only place that names concrete classes. One function a command."""

from scanner.app.doctor import run_doctor
from scanner.app.plan import run_plan
from scanner.app.publish import PublishReport, run_publish
from scanner.app.scan import run_scan
from scanner.store.open import open_store

__all__ = [
    "PublishReport",
    "open_store",
    "run_doctor",
    "run_plan",
    "run_publish",
    "run_scan",
]
