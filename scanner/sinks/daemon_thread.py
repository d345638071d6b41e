"""Blocking writes that can be abandoned."""

from __future__ import annotations

import io
import select
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import BinaryIO

import anyio
from anyio import from_thread
from anyio.lowlevel import current_token


async def run_in_daemon_thread(write: Callable[[], None]) -> None:
    """Runs `write` in a thread that is abandoned when the caller is cancelled or the process ends.

    The process would wait for a thread of a pool, without end if the reader of a pipe has stopped reading.
    """
    ended = anyio.Event()
    failures: list[BaseException] = []
    token = current_token()

    def run() -> None:
        try:
            write()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the task that waits
            failures.append(error)
        with suppress(anyio.RunFinishedError):
            from_thread.run_sync(ended.set, token=token)

    Thread(target=run, name="patchsweep-write", daemon=True).start()
    await ended.wait()
    if failures:
        raise failures[0]


def write_all(stream: BinaryIO, data: bytes) -> None:
    """Writes past the stream's buffer, whose lock would stay held if the thread were abandoned in it."""
    raw = stream.raw if isinstance(stream, io.BufferedWriter) else stream
    rest = memoryview(data)
    while rest:
        taken = raw.write(rest)
        if taken is None:  # the stream does not block: the process that started this one may have set it so
            select.select([], [raw], [])
        else:
            rest = rest[taken:]
