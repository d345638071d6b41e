"""`open/`: what each worker of a scan reads at this moment: progress to show, and a trace of workers that were killed.

A worker writes its file before it opens a target, writes it again as a sign of life, and deletes it when it ends. A
file that stays as it is belongs to a worker that was killed while it read the targets in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec import Struct

from scanner.core.concurrency import map_bounded
from scanner.core.errors import StoreError
from scanner.core.interfaces import Files
from scanner.core.model import EpochMs
from scanner.store.json_files import from_json, to_json
from scanner.store.layout import ScanNames
from scanner.store.manifest import FORMAT
from scanner.store.segment_reader import FILES_AT_ONCE


class OpenTarget(Struct, frozen=True):
    """A target that is being read, and since when."""

    account_id: str
    region: str
    since: EpochMs


class OpenTargets(Struct, frozen=True):
    """The file of one worker. `slice` is its part of the plan, `renewal` grows with each write, one in `interval_s`."""

    writer: str
    slice: str
    renewal: int
    interval_s: float
    targets: tuple[OpenTarget, ...] = ()
    format: int = FORMAT


class FoundOpen(Struct, frozen=True):
    """The file of a worker, and how long ago it was written by the clock of the store."""

    open: OpenTargets
    age_s: float


async def write_open(files: Files, names: ScanNames, held: OpenTargets) -> None:
    """Writes the file of a worker, or replaces it."""
    await files.put(names.open_file(held.writer), to_json(held))


async def delete_open(files: Files, names: ScanNames, writers: Sequence[str]) -> None:
    """Deletes the files of these workers."""
    await files.delete([names.open_file(writer) for writer in writers])


async def list_open(files: Files, names: ScanNames) -> list[FoundOpen]:
    """Returns the readable files of all workers; one that is damaged tells nothing."""
    listed = await files.names(names.open)
    found = await map_bounded(partial(_read, files), listed, FILES_AT_ONCE)
    return [each for each in found if each is not None]


async def _read(files: Files, name: str) -> FoundOpen | None:
    stored = await files.read(name)
    if stored is None:
        return None
    try:
        return FoundOpen(from_json(stored.data, OpenTargets, name), stored.age_s)
    except StoreError:
        return None
