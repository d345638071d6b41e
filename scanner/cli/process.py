"""Runs the command as a process of its own: standard streams, the last flush, and the way out."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
from typing import NoReturn

from scanner.cli import main
from scanner.cli.exit_codes import ExitCode
from scanner.cli.failures import print_failure
from scanner.cli.standard_streams import StandardOutputError, open_standard_streams


def run() -> NoReturn:
    """Runs `patchsweep` with the arguments of this process and ends the process.

    It ends by `os._exit`, after everything was flushed and the exit functions ran. Arrow and DuckDB keep threads that
    cannot be stopped; where the C++ runtime destroys their objects at a normal exit, it sometimes aborts the process
    (apache/arrow#34314: SIGABRT after a right answer, 3 of about 300 runs under load).
    """
    open_standard_streams()
    _route_warnings()
    try:
        code = main()
    except KeyboardInterrupt:
        # Ctrl-C again, while `main` was reporting the first.
        code = ExitCode.INTERRUPTED
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    code = _flushed(code)
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no public way; coverage and logging save their data in them
    os._exit(code)


def _route_warnings() -> None:
    """Sends what libraries warn of, and errors that no code can catch, to the log, unless `-W` asks for the warnings.

    On stderr they would stand between lines of JSON, and after a second Ctrl-C they are noise.
    """
    if not sys.warnoptions:
        logging.captureWarnings(capture=True)
    sys.unraisablehook = _log_unraisable


def _log_unraisable(event: sys.UnraisableHookArgs) -> None:
    logging.getLogger("py.unraisable").warning("%s: %r", event.err_msg or "error in a clean-up", event.exc_value)


def _flushed(code: int) -> int:
    """Writes out what standard output still holds; the exit code is never 0 where that fails."""
    try:
        sys.stdout.flush()
    except StandardOutputError as error:
        return code or print_failure(error)
    return code
