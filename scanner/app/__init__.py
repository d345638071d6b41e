"""Puts the parts together, one function a command; the only room that names concrete classes."""

from scanner.app.begin import Begun, run_begin
from scanner.app.doctor import run_doctor
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
    "run_work",
]
