"""Keeps Arrow from loading numpy and its own clients of object stores where nothing but Arrow would use them."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanner.core.settings import Settings

#: What Arrow loads where it is there, and does without where it is not; the store has clients of its own.
_UNUSED = ("numpy", "cloudpickle", "pyarrow._s3fs", "pyarrow._azurefs", "pyarrow._gcsfs", "pyarrow._hdfs")


def load_arrow_without_numpy(settings: Settings) -> None:
    """Loads Arrow while numpy is hidden from it, unless a sink of these settings is a plug-in's.

    Call it before the application is loaded; where Arrow is loaded already it does nothing. Arrow takes numpy in where
    it is installed, which is 12 MB and 0.1 s of CPU. It cannot do so later: a plug-in could not turn a table into one
    of pandas. Whatever else imports numpy still gets it. Arrow's client of S3 alone, with the SDK for C++ below it, is
    3 MB.
    """
    from scanner.sinks.registry import BUILT_INS

    kinds = {text.partition(":")[0] for text in settings.sinks}
    if "pyarrow" in sys.modules or not kinds <= BUILT_INS.keys():
        return
    from scanner.core.hidden_module import hidden
    from scanner.core.process import set_up_process

    with hidden(*_UNUSED):
        set_up_process()
        # Each part of Arrow looks for numpy itself, and these are what a scan loads of it.
        importlib.import_module("pyarrow.compute")
        importlib.import_module("pyarrow.parquet")
