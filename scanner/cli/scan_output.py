"""What a scan shows of itself: logs and progress while it runs, the summary when it has ended."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scanner.cli import progress
from scanner.cli.atomic_file import check_file, write_file
from scanner.cli.log_setup import LogObserver, configure, log_scan_ended
from scanner.cli.styled import print_styled, stderr_width
from scanner.reports.summary import summary, summary_json

if TYPE_CHECKING:
    from scanner.core.interfaces import Observer
    from scanner.core.settings import Settings
    from scanner.reports.scan_result import ScanResult


class ScanOutput:
    """The observers of one scan, and what to say when it has ended."""

    def __init__(self, settings: Settings, bar: progress.Progress | None) -> None:
        self._settings = settings
        # Where progress is drawn the summary follows at once, so that a line for each gap would say it twice.
        self._logs = bar is None or settings.log_format == "json"
        self.observers: list[Observer] = []
        if bar is not None:
            self.observers.append(bar)
        if self._logs:
            self.observers.append(LogObserver())

    def ended(self, result: ScanResult, exit_code: int) -> None:
        """Log the run's line, show the summary on stderr and write it where the settings say.

        Whoever asks for JSON logs by name wants nothing else on stderr, and who watches the progress no log.
        """
        if self._logs:
            log_scan_ended(result.scan, result.sink_failures, result.notes)
        if self._settings.log_format != "json":
            print_styled(summary(result, stderr_width()))
        if self._settings.summary is not None:
            write_file(self._settings.summary, summary_json(result, exit_code), "summary")


def log_to_stderr(settings: Settings) -> None:
    """Logging set up for a command that shows no progress."""
    configure(settings.log_format, terminal=sys.stderr.isatty())


def _may_draw(settings: Settings) -> bool:
    """Not where the same terminal shows a log for machines or the data."""
    shows_data = sys.stdout.isatty() and any(sink.endswith(":-") for sink in settings.sinks)
    return settings.log_format != "json" and not shows_data


@contextmanager
def watched(settings: Settings) -> Iterator[ScanOutput]:
    """Logging set up, and progress drawn if stderr is a terminal or the settings ask for it.

    Raises:
        ConfigError: The summary file has no folder to go to; better said before the scan than after it.
    """
    if settings.summary is not None:
        check_file(settings.summary, "summary")
    terminal = sys.stderr.isatty()
    wanted = terminal and _may_draw(settings) if settings.progress is None else settings.progress
    configure(settings.log_format, terminal=terminal, quiet=wanted and settings.log_format != "json")
    if not wanted:
        yield ScanOutput(settings, None)
        return
    bar = progress.Progress()
    with progress.shown(bar):
        yield ScanOutput(settings, bar)
