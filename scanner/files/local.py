"""A folder as `Files`: a file appears under its name whole and durable, or not at all."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from anyio import to_thread

from scanner.core.errors import StoreError
from scanner.files.disk_errors import as_store_error
from scanner.files.names import checked, checked_prefix

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700


class LocalFiles:
    """Files in a folder, which is made on the first `put`, readable by its owner only.

    Names that start with a dot are this class's own (half-written files, locks) and are never listed.
    """

    def __init__(self, folder: str | Path) -> None:
        self._url = str(folder)
        self._root = Path(folder).expanduser().absolute()

    @property
    def url(self) -> str:
        return self._url

    @property
    def root(self) -> Path:
        """The folder as an absolute path, for readers that open files themselves."""
        return self._root

    async def put(self, name: str, data: bytes) -> None:
        await to_thread.run_sync(partial(_put, self._root / checked(name), data))

    async def get(self, name: str) -> bytes | None:
        return await to_thread.run_sync(partial(_get, self._root / checked(name)))

    async def names(self, prefix: str = "") -> list[str]:
        return await to_thread.run_sync(partial(_names, self._root, checked_prefix(prefix)))

    async def delete(self, names: Sequence[str]) -> None:
        await to_thread.run_sync(partial(_delete, [self._root / checked(name) for name in names]))

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncIterator[None]:
        """Hold the folder `name` against every other process of this machine, until the block or the process ends.

        Raises:
            StoreError: another process holds it.
        """
        path = self._root / checked(name) / ".lock"
        held = await to_thread.run_sync(partial(_lock, path))
        try:
            yield
        finally:
            os.close(held)


def _put(path: Path, data: bytes) -> None:
    with as_store_error("write", path):
        _make_folder(path.parent)
        unfinished = path.parent / f".{path.name}.{secrets.token_hex(8)}"
        try:
            _write_durably(unfinished, data)
            unfinished.replace(path)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink()
            raise
        _sync_folder(path.parent)


def _write_durably(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    finally:
        os.close(file)


def _make_folder(folder: Path) -> None:
    """Make what is missing of the path; a folder is durable only when its parent is synced too."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    # Another process may make the same folder at the same moment.
    folder.mkdir(_FOLDER_MODE, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _get(path: Path) -> bytes | None:
    with as_store_error("read", path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def _names(root: Path, prefix: str) -> list[str]:
    start = root / prefix.rpartition("/")[0]
    with as_store_error("list", start):
        names = (path.relative_to(root).as_posix() for path in _visible_files(start))
        return sorted(name for name in names if name.startswith(prefix))


def _visible_files(folder: Path) -> Iterator[Path]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        # Not made yet, or removed by another process while we looked.
        return
    with entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _visible_files(Path(entry.path))
            else:
                yield Path(entry.path)


def _delete(paths: Sequence[Path]) -> None:
    for path in paths:
        with as_store_error("delete", path):
            path.unlink(missing_ok=True)
    # The longest first, so that a folder is empty by the time it is looked at.
    for folder in sorted({path.parent for path in paths}, key=lambda folder: -len(folder.parts)):
        with as_store_error("tidy", folder):
            _tidy(folder)


def _tidy(folder: Path) -> None:
    """Sync a folder that lost files; remove it if only half-written files and locks are left in it."""
    if not folder.is_dir():
        return
    _sync_folder(folder)
    left = list(folder.iterdir())
    if all(path.name.startswith(".") and path.is_file() for path in left):
        for path in left:
            path.unlink(missing_ok=True)
        folder.rmdir()


def _lock(path: Path) -> int:
    with as_store_error("lock", path):
        _make_folder(path.parent)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise StoreError(f"another process is writing {path.parent}: wait until it has ended") from error
        except BaseException:
            os.close(handle)
            raise
        return handle
