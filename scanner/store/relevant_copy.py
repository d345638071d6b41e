"""Brings the files of relevant rows of scans to this machine, or says which scans have none that can be read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path

from msgspec import Struct

from scanner.core.errors import StoreError
from scanner.core.relevant_rows import TABLES
from scanner.store.manifest import FileEntry, Manifest, RelevantEntry

#: Brings files to this machine and verifies them; raises `StoreError` where one is missing or damaged.
Bring = Callable[[Sequence[FileEntry]], Awaitable[tuple[Path, ...]]]


class RelevantCopy(Struct, frozen=True):
    """`files` by the id of their scan and the name of their table.

    `without` are the scans whose patches have to be read instead, `problems` names the damaged files.
    """

    files: dict[str, dict[str, Path]]
    without: frozenset[str]
    problems: tuple[str, ...]


async def copy_relevant(bring: Bring, manifests: Sequence[Manifest], tables: Collection[str]) -> RelevantCopy:
    """Returns the files of these scans, if one of these tables is of relevant rows."""
    files, without, problems = {}, set(), []
    wanted = [table for table in TABLES if table in tables]
    for manifest in manifests if wanted else ():
        scan_id = manifest.scan.scan_id
        try:
            found = None if manifest.relevant is None else await _files(bring, manifest.relevant, wanted)
        except StoreError as error:
            problems.append(f"{error}; until then the rows of all patches are read instead")
            found = None
        if found is None:
            without.add(scan_id)
        else:
            files[scan_id] = found
    return RelevantCopy(files, frozenset(without), tuple(problems))


async def _files(bring: Bring, entry: RelevantEntry, tables: Sequence[str]) -> dict[str, Path]:
    return dict(zip(tables, await bring([entry.tables[table] for table in tables]), strict=True))
