"""What a scan shows of itself: logs and progress while it runs, the summary when it has ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scanner.cli.atomic_file import check_file, write_file
from scanner.cli.log_setup import LogObserver, configure, log_scan_ended
from scanner.cli.output import check_stdout_is_free, print_data, writes_to_stdout
from scanner.cli.verbosity import is_quiet
from scanner.core.errors import ConfigError, PatchsweepError
from scanner.core.safe_text import terminal_json
from scanner.reports.summary import summary, summary_json

if TYPE_CHECKING:
    from scanner.cli.progress import Progress
    from scanner.core.interfaces import Observer
    from scanner.core.settings import Settings
    from scanner.reports.scan_result import ScanResult


class ScanOutput:
    """The observers of one scan, and what it prints when it has ended."""

    def __init__(self, settings: Settings, bar: Progress | None, *, as_json: bool = False) -> None:
        self._settings = settings
        self._as_json = as_json
        # Where progress is drawn the summary follows at once, so a log line for each gap would repeat it.
        self._logs = bar is None or settings.log_format == "json"
        self.observers: list[Observer] = []
        if bar is not None:
            self.observers.append(bar)
        if self._logs:
            self.observers.append(LogObserver())

    def ended(self, result: ScanResult, exit_code: int) -> None:
        """Logs the scan's own line, prints the summary, and writes it to the file of the settings.

        The summary is for people on stderr, or as one JSON object on stdout.

        JSON logs asked for by name are the only thing on stderr; beside progress there is no log.

        Raises:
            PatchsweepError: the file cannot be written. It is no `ConfigError`: the file was checked before the scan,
                which is committed by now.
        """
        if self._logs:
            log_scan_ended(result, exit_code)
        if not self._as_json and self._settings.log_format != "json" and not is_quiet(self._settings):
            from scanner.cli.styled import print_styled, stderr_width

            print_styled(summary(result, stderr_width()))
        if self._settings.summary is not None:
            try:
                write_file(self._settings.summary, summary_json(result, exit_code), "summary")
            except ConfigError as error:
                raise PatchsweepError(str(error)) from error
        if self._as_json:
            print_data(terminal_json(summary_json(result, exit_code).decode()))


def log_to_stderr(settings: Settings) -> None:
    """Sets up logging for a command that shows no progress."""
    configure(settings.log_format, terminal=sys.stderr.isatty(), level=settings.log_level)


@contextmanager
def watched(settings: Settings, *, as_json: bool = False) -> Iterator[ScanOutput]:
    """Sets up logging, and draws progress if stderr is a terminal or the settings ask for it.

    Args:
        settings: of the scan.
        as_json: whether the summary goes to stdout as JSON.

    Raises:
        ConfigError: the summary file cannot be written, or a sink writes to stdout, too; reported before the scan
            rather than after it.
    """
    if as_json:
        check_stdout_is_free(settings)
    if settings.summary is not None:
        check_file(settings.summary, "summary")
    draws = _may_draw(settings) if settings.progress is None else settings.progress
    is_log_hidden = draws and settings.log_format != "json" and settings.log_level == "info"
    configure(
        settings.log_format, terminal=sys.stderr.isatty(), level="warning" if is_log_hidden else settings.log_level
    )
    if not draws:
        yield ScanOutput(settings, None, as_json=as_json)
        return
    # It brings rich with it: 5 MB, which are in use until the scan ends.
    from scanner.cli.progress import Progress, shown

    bar = Progress()
    with shown(bar):
        yield ScanOutput(settings, bar, as_json=as_json)


def _may_draw(settings: Settings) -> bool:
    """Returns whether stderr is a terminal that shows neither a log for machines nor the data."""
    shows_data = sys.stdout.isatty() and writes_to_stdout(settings)
    if os.environ.get("TERM") == "dumb":  # it cannot draw over a line
        return False
    return sys.stderr.isatty() and settings.log_format != "json" and not is_quiet(settings) and not shows_data
