"""Every exit code with its meaning, and the rule that picks one for each kind of result.

The help text and the documentation are made from this enum.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Self

from scanner.core.errors import ConfigError, Interrupted, ScanNotFound
from scanner.core.model import ScanStatus, TargetStatus

if TYPE_CHECKING:
    from scanner.core.model import ScanRow
    from scanner.reports.check.result import Verdict
    from scanner.reports.diagnosis import Diagnosis
    from scanner.reports.plan import Plan

_SIGNALLED = 128  # a shell's own convention: 128 + the number of the signal


class ExitCode(IntEnum):
    """How a command ends; `meaning` is the sentence for help and documentation."""

    meaning: str

    COMPLETE = 0, "complete: everything in scope was read, checked or answered"
    FAILED = 1, "failed: nothing could be read, or the command could not finish"
    WRONG_USAGE = 2, "wrong usage or configuration; nothing was done"
    PARTIAL = 3, "partial: something could not be read, sent or answered, and is named"
    VIOLATED = 4, "violated: a policy was checked and is not met"
    HUNG_UP = 129, "stopped because its terminal was closed (SIGHUP); a scan can be resumed"
    INTERRUPTED = 130, "stopped by Ctrl-C (SIGINT); a scan can be resumed"
    TERMINATED = 143, "stopped by SIGTERM; a scan can be resumed"

    def __new__(cls, value: int, meaning: str) -> Self:
        code = int.__new__(cls, value)
        code._value_ = value
        code.meaning = meaning
        return code


def scan_exit_code(scan: ScanRow, sink_failures: Mapping[str, str]) -> ExitCode:
    """Returns the exit code of a committed scan; a sink that did not get its data makes it partial."""
    if scan.status is ScanStatus.FAILED:
        return ExitCode.FAILED
    is_partial = bool(sink_failures) or scan.status is ScanStatus.PARTIAL
    return ExitCode.PARTIAL if is_partial else ExitCode.COMPLETE


def answer_exit_code(*, covers_all_nodes: bool) -> ExitCode:
    """Returns the exit code of an answer about nodes, like those of `cve` and `diff`."""
    return ExitCode.COMPLETE if covers_all_nodes else ExitCode.PARTIAL


def verdict_exit_code(verdict: Verdict) -> ExitCode:
    """Returns the exit code of a check: what cannot be told is never taken for met."""
    return {"met": ExitCode.COMPLETE, "violated": ExitCode.VIOLATED}.get(verdict, ExitCode.PARTIAL)


def diagnosis_exit_code(diagnosis: Diagnosis) -> ExitCode:
    """Returns the exit code of a scan with the same options: failed where it would not start or read nothing."""
    stops = any(check.stops_scan for check in (diagnosis.store, *diagnosis.sinks))
    # A target whose required source is refused is a gap, and its nodes are read.
    if stops or not any(check.status is TargetStatus.SCANNED or check.has_nodes for check in diagnosis.targets):
        return ExitCode.FAILED
    is_partial = bool(diagnosis.gaps) or any(sink.failure for sink in diagnosis.sinks)
    return ExitCode.PARTIAL if is_partial else ExitCode.COMPLETE


def plan_exit_code(plan: Plan) -> ExitCode:
    """Returns the exit code of a scan with the same options, as far as the targets show it."""
    if all(target.status is not TargetStatus.SCANNED for target in plan.targets):
        return ExitCode.FAILED
    return ExitCode.PARTIAL if plan.gaps else ExitCode.COMPLETE


def error_exit_code(error: BaseException) -> int:
    """Returns the exit code of a command that ended with this error."""
    if isinstance(error, Interrupted):
        return _SIGNALLED + error.signal_number
    return ExitCode.WRONG_USAGE if isinstance(error, (ConfigError, ScanNotFound)) else ExitCode.FAILED


def exit_codes_text(width: int = 76) -> str:
    """Returns one line for each code, for the help text."""
    from textwrap import wrap

    lines = (f"{code.value:>5}  {code.meaning}" for code in ExitCode)
    return "\n".join("\n".join(wrap(line, width, initial_indent=" ", subsequent_indent=" " * 8)) for line in lines)
