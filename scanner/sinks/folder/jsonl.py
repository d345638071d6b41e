"""`jsonl:-` and `jsonl:DIR`: JSON Lines, as a stream on stdout or as a file a table."""

from __future__ import annotations

import errno
import fcntl
import io
import os
from collections.abc import Mapping
from functools import partial
from typing import BinaryIO, ClassVar

import pyarrow as pa
from anyio import to_thread

from scanner.core.errors import SinkError
from scanner.core.interfaces import NodeBatch, ScanSummary, Sink
from scanner.core.tables import TABLES
from scanner.sinks.context import SinkContext
from scanner.sinks.daemon_thread import run_in_daemon_thread, write_all
from scanner.sinks.folder.folder import FolderSink, TextForm
from scanner.sinks.folder.rows import RowEncoder
from scanner.sinks.path_checks import checked_folder


def jsonl_sink(where: str, context: SinkContext) -> Sink:
    """Returns the stream for `-`, else the folder; raises `ConfigError` for one that cannot be used."""
    if where == "-":
        return JsonlStream(context.stdout)
    return FolderSink(checked_folder(where, f"jsonl:{where}", JSONL.files.values()), JSONL)


JSONL = TextForm(
    suffix=".jsonl",
    head=lambda _: b"",
    encoder=lambda name, schema: RowEncoder(name, schema, name_first=False).lines,
)


class JsonlStream:
    """Writes rows as they arrive, each a line `{"table":"patches",…}`, nodes before their patches.

    The lines of `targets` and `scans` end the stream of a scan that ended; without them it was cut off.
    """

    live: ClassVar[bool] = True

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._encoders = {name: RowEncoder(name, schema, name_first=True) for name, schema in TABLES.items()}

    async def write(self, batch: NodeBatch) -> None:
        await self._send(batch.tables())

    async def commit(self, scan: ScanSummary) -> None:
        await self._send(scan.tables())

    async def aclose(self) -> None:
        """Does nothing: what was sent is sent, and the stream belongs to the process."""

    async def probe(self) -> None:
        """Checks that standard output is open for writing; whether it takes every row shows only in writing them."""
        try:
            mode = fcntl.fcntl(self._stream.fileno(), fcntl.F_GETFL) & os.O_ACCMODE
        except io.UnsupportedOperation:  # a stream in memory
            return
        except (OSError, ValueError, AttributeError):  # a closed number, a closed stream, and none at all
            mode = os.O_RDONLY
        if mode == os.O_RDONLY:
            raise SinkError("standard output is closed, so jsonl:- has nowhere to write: redirect it to a file or pipe")

    async def _send(self, tables: Mapping[str, pa.Table]) -> None:
        for name, table in tables.items():
            lines = await to_thread.run_sync(self._lines, name, table)
            await run_in_daemon_thread(partial(_print, self._stream, lines))

    def _lines(self, name: str, table: pa.Table) -> bytes:
        return b"".join(self._encoders[name].lines(table))


def _print(stream: BinaryIO, lines: bytes) -> None:
    try:
        write_all(stream, lines)
    except OSError as error:
        if error.errno == errno.EPIPE:  # not always a BrokenPipeError: the command line's own stream raises its own
            raise SinkError("the reader of standard output went away before the last row of jsonl:-") from error
        raise SinkError(f"cannot write the rows of jsonl:- to standard output: {error.strerror}") from error
