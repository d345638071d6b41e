"""Gives committed scans as files that a query engine can open: those of a folder itself, copies otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import to_thread

from scanner.core.concurrency import map_bounded
from scanner.core.errors import StoreError
from scanner.core.interfaces import Files
from scanner.core.relevant_rows import TABLES as RELEVANT
from scanner.core.scan_files import ScanFiles
from scanner.files.disk_errors import as_store_error
from scanner.files.local import LocalFiles
from scanner.store.hollow_copy import HollowCopy
from scanner.store.manifest import FileEntry, Manifest, SegmentEntry
from scanner.store.relevant_copy import copy_relevant
from scanner.store.segment_reader import FILES_AT_ONCE, fetch

#: The tables that lie in each kind of file.
_IN_NODES, _IN_PATCHES = frozenset({"nodes", "tags"}), frozenset({"patches"})
_CHECKED_AT_ONCE = 16  # files verified in one call of a thread: the call takes as long as verifying one of them


@asynccontextmanager
async def local_copy(
    files: Files, manifests: Sequence[Manifest], tables: Collection[str] | None = None
) -> AsyncIterator[ScanFiles]:
    """Yields the files of these scans while the block runs; those that none of these tables lies in are not looked at.

    Those of a folder stay where they are and are verified. Of others hollow copies are made in a private temporary
    folder, whose columns are brought, and verified, when a query wants them. The tables of relevant rows, which None
    does not stand for, are brought whole; a scan without them, or with damaged ones, has its patches here instead.

    Raises:
        StoreError: one is missing or damaged; the text names it.
    """
    with TemporaryDirectory(prefix="patchsweep-", ignore_cleanup_errors=True) as folder:
        hollow = None if isinstance(files, LocalFiles) else HollowCopy(files, Path(folder))
        local = partial(_all_local, files, Path(folder))
        relevant = await copy_relevant(local, manifests, tables or ())
        segments, of_scans = _chosen(manifests, tables, relevant.without)
        patches = [entry for of_scan in of_scans for entry in of_scan]
        # Kept rows alone are read without views over them.
        targets = [each.targets for each in manifests] if tables is None or {*tables} - {*RELEVANT} else []
        nodes = await (local(segments) if hollow is None else hollow.open("nodes", segments))
        yield ScanFiles(
            scans=tuple(each.scan for each in manifests),
            nodes=nodes,
            nested=tuple(path for path, entry in zip(nodes, segments, strict=True) if entry.is_nested),
            patches=await (local(patches) if hollow is None else hollow.open("patches", patches)),
            targets=await local(targets),
            tables=tables if tables is None or not relevant.without else {*tables, *_IN_PATCHES},
            columns=hollow,
            counts=tuple(map(len, of_scans)),
            relevant=relevant.files,
            problems=relevant.problems,
        )


def _chosen(
    manifests: Sequence[Manifest], tables: Collection[str] | None, without_relevant: Collection[str]
) -> tuple[list[SegmentEntry], list[list[FileEntry]]]:
    """Returns the nodes files in which these tables lie, and of each scan the patches files."""
    has_nodes, has_patches = (tables is None or bool(lying & {*tables}) for lying in (_IN_NODES, _IN_PATCHES))
    nodes, patches = [], []
    for manifest in manifests:
        needs_patches = has_patches or manifest.scan.scan_id in without_relevant
        nodes += [entry for entry in manifest.segments if has_nodes or (needs_patches and entry.is_nested)]
        patches.append([entry.patches for entry in manifest.segments if entry.patches and needs_patches])
    return nodes, patches


async def _all_local(files: Files, folder: Path, entries: Sequence[FileEntry]) -> tuple[Path, ...]:
    if isinstance(files, LocalFiles):
        parts = [entries[at : at + _CHECKED_AT_ONCE] for at in range(0, len(entries), _CHECKED_AT_ONCE)]
        await map_bounded(partial(_verified, files.root), parts, FILES_AT_ONCE)
        return tuple(files.root / entry.name for entry in entries)
    return tuple(await map_bounded(partial(_copied, files, folder), entries, FILES_AT_ONCE))


async def _verified(root: Path, entries: Sequence[FileEntry]) -> None:
    await to_thread.run_sync(_check_all, root, entries)


async def _copied(files: Files, folder: Path, entry: FileEntry) -> Path:
    path = folder / entry.name
    await to_thread.run_sync(partial(_write, path, await fetch(files, entry)))
    return path


def _check_all(root: Path, entries: Sequence[FileEntry]) -> None:
    for entry in entries:
        _check(root / entry.name, entry)


def _check(path: Path, entry: FileEntry) -> None:
    with as_store_error("read", path):
        try:
            with path.open("rb") as file:
                actual = file_digest(file, "sha256").hexdigest()
        except FileNotFoundError as error:
            raise StoreError(f"{path} is missing: restore it from a copy, or scan again") from error
    if actual != entry.sha256:
        raise StoreError(f"{path} is not what was written (its checksum differs): restore it, or scan again")


def _write(path: Path, data: bytes) -> None:
    with as_store_error("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
