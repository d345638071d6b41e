"""Logging: one set-up for the process, one list of events, one line for each target and one for the run.

Times are UTC. Everything goes to stderr. A part of the program that works on one target binds `account_id` and
`region` with `structlog.contextvars.bound_contextvars`, so that every line below it carries them.
"""

from __future__ import annotations

import logging
import sys
from contextlib import AbstractContextManager
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, TextIO, cast

from scanner.cli.output import messages_are_json
from scanner.core.hidden_module import hidden
from scanner.core.interfaces import Observer
from scanner.core.model import NodeScan, Scope, TargetOutcome
from scanner.core.safe_text import MASK, mask_foreign_text, terminal_json, terminal_text
from scanner.core.settings import LogFormat, LogLevel

with hidden("rich"):  # 70 modules and 5 MB for tracebacks with colours, which `_console` does without
    import structlog
    from structlog.tracebacks import ExceptionDictTransformer

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

    from scanner.reports.scan_result import ScanResult

#: Their warnings are written for users: patchsweep's own, and those of plug-ins that log under its name.
_OUR_LOGGERS = ("scanner", "patchsweep")
_SECRET_NAMES = ("external_id", "password", "secret", "token", "authorization")


class Event(StrEnum):
    """What may be logged, in the past tense."""

    SCAN_STARTED = "scan_started"
    SCAN_ENDED = "scan_ended"
    TARGET_ENDED = "target_ended"
    NODE_ENDED = "node_ended"
    SINK_FAILED = "sink_failed"


class _Stderr:
    """Whatever `sys.stderr` is when a line is written: a progress display stands in for it while it lasts."""

    def write(self, text: str) -> None:
        sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure(log_format: LogFormat, *, terminal: bool, level: LogLevel = "info") -> None:
    """Sets up structlog and the standard library's logging for this process.

    Args:
        log_format: `auto` is `console` on a terminal and `json` elsewhere.
        terminal: Whether stderr is one.
        level: The least that is shown; `debug` adds the warnings of libraries.
    """
    messages_are_json.set(log_format == "json")
    console = log_format == "console" or (log_format == "auto" and terminal)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_secrets,
    ]
    last: list[Processor] = _console(colors=terminal and _takes_colors()) if console else _json()
    stream = cast("TextIO", _Stderr())
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last], foreign_pre_chain=shared
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.addFilter(partial(_is_shown, libraries_too=level == "debug"))
    # Never below warnings: the AWS SDK logs whole requests there, signatures included.
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _is_shown(record: logging.LogRecord, *, libraries_too: bool) -> bool:
    """Returns whether a record of the standard library's logging reaches the user.

    Libraries log at their own discretion: botocore prints two tracebacks for an SSO token that has expired, which
    patchsweep reports in one sentence. So theirs are shown for `--log-level debug` only, and never with a traceback.
    """
    if record.name.partition(".")[0] in _OUR_LOGGERS:
        return True
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        record.msg, record.args = f"{record.getMessage()}: {type(error).__name__}: {error}", ()
    record.exc_info = record.exc_text = record.stack_info = None
    return libraries_too


def _takes_colors() -> bool:
    """Returns whether a terminal is coloured, by the rule that the summary follows: not with NO_COLOR or TERM=dumb."""
    from rich.console import Console

    terminal = Console(stderr=True, force_terminal=True)
    return terminal.color_system is not None and not terminal.no_color


def _console(*, colors: bool) -> list[Processor]:
    renderer = structlog.dev.ConsoleRenderer(
        colors=colors, pad_event_to=0, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
    )
    return [_printable, renderer]


def _json() -> list[Processor]:
    # Without local variables: they hold keys and tokens.
    tracebacks = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    return [tracebacks, _event_first, structlog.processors.JSONRenderer(ensure_ascii=False), _printable_json]


def _printable_json(*values: object) -> str:
    return terminal_json(str(values[-1]))


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        if any(secret in name for secret in _SECRET_NAMES):
            event[name] = MASK
        elif isinstance(value, str):
            event[name] = mask_foreign_text(value)
    return event


def _event_first(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    first = {name: event[name] for name in ("timestamp", "level", "event") if name in event}
    return {**first, **event}


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {
        name: terminal_text(value) if isinstance(value, str) else value
        for name, value in event.items()
        if value is not None
    }


def bound_to(**fields: str) -> AbstractContextManager[object]:
    """Gives every line that is logged while the block runs these fields."""
    return structlog.contextvars.bound_contextvars(**fields)


class LogObserver(Observer):
    """Logs a line for each target that ended and for each node that keeps the scan from being complete."""

    def __init__(self) -> None:
        self._log = structlog.get_logger()
        self._scope = Scope("", "")

    def scan_opened(self, scope: Scope) -> None:
        """Keeps the scope; the run's last line shows what came of it."""
        self._scope = scope

    def node_ended(self, scan: NodeScan) -> None:
        if not self._scope.is_node_gap(scan.status):
            return
        self._log.warning(
            Event.NODE_ENDED,
            account_id=scan.target.account_id,
            region=scan.target.region,
            instance_id=scan.node.instance_id,
            status=scan.status.value,
            reason=scan.reason,
        )

    def target_ended(self, outcome: TargetOutcome) -> None:
        write = self._log.warning if self._scope.is_gap(outcome.status) else self._log.info
        write(
            Event.TARGET_ENDED,
            account_id=outcome.target.account_id,
            region=outcome.target.region,
            status=outcome.status.value,
            reason=outcome.reason,
            nodes=outcome.nodes,
            patch_rows=outcome.patch_rows,
            requests=outcome.requests,
            throttles=outcome.throttles,
            retries=outcome.retries,
            seconds=_seconds(outcome.started_at, outcome.finished_at),
        )


def log_scan_ended(result: ScanResult, exit_code: int) -> None:
    """Logs the scan's own line, after one for each sink that failed."""
    log = structlog.get_logger()
    for sink, reason in result.sink_failures.items():
        log.error(Event.SINK_FAILED, sink=sink, reason=reason)
    scan = result.scan
    log.info(
        Event.SCAN_ENDED,
        scan_id=scan.scan_id,
        status=scan.status.value,
        exit_code=int(exit_code),
        mode=scan.mode,
        **{f"nodes_{status}": count for status, count in scan.nodes.items() if count},
        **{f"targets_{status}": count for status, count in scan.targets.items() if count},
        patch_rows=scan.patch_rows,
        missing=dict(result.missing),
        failed=dict(result.failed),
        gaps=result.gaps_by_cause(),
        requests=scan.requests,
        throttles=scan.throttles,
        seconds=_seconds(scan.started_at, scan.finished_at),
        notes=list(result.notes) or None,
    )


def _seconds(started_at: int | None, finished_at: int | None) -> float | None:
    if started_at is None or finished_at is None:
        return None
    return round((finished_at - started_at) / 1000, 3)
