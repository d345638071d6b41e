"""Gives committed scans as files that a query engine can open: those of a folder itself, copies otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import to_thread

from scanner.core.concurrency import map_bounded
from scanner.core.errors import StoreError
from scanner.core.interfaces import Files
from scanner.core.scan_files import ScanFiles
from scanner.files.disk_errors import as_store_error
from scanner.files.local import LocalFiles
from scanner.store.hollow_copy import HollowCopy
from scanner.store.manifest import FileEntry, Manifest
from scanner.store.segment_reader import FILES_AT_ONCE, fetch


@asynccontextmanager
async def local_copy(
    files: Files, manifests: Sequence[Manifest], *, with_patches: bool = True
) -> AsyncIterator[ScanFiles]:
    """Yields the files of these scans while the block runs; without patches those are not looked at.

    Those of a folder stay where they are and are verified. Of others hollow copies are made in a private temporary
    folder, whose columns are brought, and verified, when a query wants them.

    Raises:
        StoreError: one is missing or damaged; the text names it.
    """
    segments = [entry for each in manifests for entry in each.segments]
    patches = [entry.patches for entry in segments if with_patches and entry.patches is not None]
    with TemporaryDirectory(prefix="patchsweep-", ignore_cleanup_errors=True) as folder:
        hollow = None if isinstance(files, LocalFiles) else HollowCopy(files, Path(folder))
        local = partial(_all_local, files, Path(folder))
        nodes = await (local(segments) if hollow is None else hollow.open("nodes", segments))
        yield ScanFiles(
            scans=tuple(each.scan for each in manifests),
            nodes=nodes,
            nested=tuple(path for path, entry in zip(nodes, segments, strict=True) if entry.is_nested),
            patches=await (local(patches) if hollow is None else hollow.open("patches", patches)),
            targets=await local([each.targets for each in manifests]),
            has_patches=with_patches,
            columns=hollow,
        )


async def _all_local(files: Files, folder: Path, entries: Sequence[FileEntry]) -> tuple[Path, ...]:
    return tuple(await map_bounded(partial(_local, files, folder), entries, FILES_AT_ONCE))


async def _local(files: Files, folder: Path, entry: FileEntry) -> Path:
    if isinstance(files, LocalFiles):
        path = files.root / entry.name
        await to_thread.run_sync(partial(_check, path, entry))
        return path
    path = folder / entry.name
    await to_thread.run_sync(partial(_write, path, await fetch(files, entry)))
    return path


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
