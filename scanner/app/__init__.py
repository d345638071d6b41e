"""Puts the parts together, one function a command; the only room that names concrete classes.

A function's module is imported when it is first asked for: those of AWS alone take more than half of the 0.9 CPU s that
all of them take, and a command that reads what is stored has no use for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanner.app.begin import Begun, run_begin
    from scanner.app.doctor import run_doctor
    from scanner.app.engines.scan import run_scan_by_workers
    from scanner.app.feeds import read_feed, read_feeds, read_waiver_file
    from scanner.app.finish import run_finish
    from scanner.app.forget import ForgetReport, run_forget
    from scanner.app.notify import run_notify
    from scanner.app.plan import run_plan
    from scanner.app.publish import PublishReport, run_publish
    from scanner.app.scan import run_scan
    from scanner.app.time_to_patch import PatchTimes, read_patch_times
    from scanner.app.trend import read_trend
    from scanner.app.worker import WorkReport, run_work
    from scanner.store.open import open_store

__all__ = [
    "Begun",
    "ForgetReport",
    "PatchTimes",
    "PublishReport",
    "WorkReport",
    "open_store",
    "read_feed",
    "read_feeds",
    "read_patch_times",
    "read_trend",
    "read_waiver_file",
    "run_begin",
    "run_doctor",
    "run_finish",
    "run_forget",
    "run_notify",
    "run_plan",
    "run_publish",
    "run_scan",
    "run_scan_by_workers",
    "run_work",
]

_MODULES = {
    "Begun": "scanner.app.begin",
    "ForgetReport": "scanner.app.forget",
    "PatchTimes": "scanner.app.time_to_patch",
    "PublishReport": "scanner.app.publish",
    "WorkReport": "scanner.app.worker",
    "open_store": "scanner.store.open",
    "read_feed": "scanner.app.feeds",
    "read_feeds": "scanner.app.feeds",
    "read_patch_times": "scanner.app.time_to_patch",
    "read_trend": "scanner.app.trend",
    "read_waiver_file": "scanner.app.feeds",
    "run_begin": "scanner.app.begin",
    "run_doctor": "scanner.app.doctor",
    "run_finish": "scanner.app.finish",
    "run_forget": "scanner.app.forget",
    "run_notify": "scanner.app.notify",
    "run_plan": "scanner.app.plan",
    "run_publish": "scanner.app.publish",
    "run_scan": "scanner.app.scan",
    "run_scan_by_workers": "scanner.app.engines.scan",
    "run_work": "scanner.app.worker",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = found
    return found
