"""What a sink is made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from msgspec import Struct

from scanner.core.interfaces import Files, Sink


class SinkContext(Struct, frozen=True):
    """What a sink may use of the run it serves."""

    scan_id: str
    #: The files of a folder or an `s3://bucket/prefix`; who made the context owns the connections behind them.
    open_files: Callable[[str], Files]
    stdout: BinaryIO


#: Makes the sink for a `where`. Touches nothing yet, and raises `ConfigError` for a place that cannot work.
SinkFactory = Callable[[str, SinkContext], Sink]
