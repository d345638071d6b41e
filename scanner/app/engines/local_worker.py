"""Prepares the worker processes that `scan --workers` starts; Dask imports this module in each of them first."""

from __future__ import annotations

import logging
import signal

import scanner.app.engines.dask_worker  # noqa: F401 - loaded here, so that no bundle waits for it
from scanner.core.garbage_collection import keep_what_is_loaded


def dask_setup(_worker: object) -> None:
    """Leaves Ctrl-C, which a terminal sends to all processes, to the run, and standard error to its messages."""
    keep_what_is_loaded()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("distributed", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
