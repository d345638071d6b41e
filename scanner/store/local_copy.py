"""Gives committed scans as files that a query engine can open: those of a folder itself, copies otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import to_thread
from msgspec import Struct

from scanner.core.errors import StoreError
from scanner.core.interfaces import Files
from scanner.core.model import ScanRow
from scanner.files.disk_errors import as_store_error
from scanner.files.local import LocalFiles
from scanner.store.manifest import FileEntry, Manifest
from scanner.store.segment_reader import fetch


class LocalCopy(Struct, frozen=True):
    """Absolute paths of the segments and the targets files of these scans."""

    scans: tuple[ScanRow, ...]
    segments: tuple[Path, ...]
    targets: tuple[Path, ...]


@asynccontextmanager
async def local_copy(files: Files, manifests: Sequence[Manifest]) -> AsyncIterator[LocalCopy]:
    """Yields the files of these scans while the block runs.

    Those of a folder stay where they are, others are fetched into a private temporary folder; all are verified.

    Raises:
        StoreError: one is missing or damaged; the text names it.
    """
    with TemporaryDirectory(prefix="patchsweep-", ignore_cleanup_errors=True) as folder:
        segments = [await _local(files, entry, Path(folder)) for each in manifests for entry in each.segments]
        targets = [await _local(files, each.targets, Path(folder)) for each in manifests]
        yield LocalCopy(tuple(each.scan for each in manifests), tuple(segments), tuple(targets))


async def _local(files: Files, entry: FileEntry, folder: Path) -> Path:
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
        raise StoreError(f"{path} is not what was committed (its checksum differs): restore it, or scan again")


def _write(path: Path, data: bytes) -> None:
    with as_store_error("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
