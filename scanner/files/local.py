"""A folder as `Files`: a file appears under its name whole and durable, or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from anyio import to_thread

from scanner.core.errors import ConfigError, StoreBusy, StoreError
from scanner.core.interfaces import StoredBytes
from scanner.core.safe_text import terminal_text
from scanner.files import local_writes
from scanner.files.disk_errors import as_store_error
from scanner.files.names import checked, checked_prefix

#: What a file system without locks answers: NFS without a lock daemon, SMB, many FUSE mounts.
_NO_LOCKS = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL})


class LocksUnsupported(StoreError):
    """The file system cannot lock files."""


class LocalFiles:
    """Files in a folder, which is made on the first `put`, readable by its owner only.

    Names that start with a dot are this class's own (half-written files, locks) and are never listed.
    """

    def __init__(self, folder: str | Path) -> None:
        self._url = str(folder)
        self._root = absolute_folder(self._url)

    @property
    def url(self) -> str:
        return self._url

    @property
    def root(self) -> Path:
        """Returns the folder as an absolute path, for readers that open files themselves."""
        return self._root

    async def put(self, name: str, data: bytes) -> None:
        await to_thread.run_sync(partial(local_writes.put, self._root / checked(name), data))

    async def put_if(self, name: str, data: bytes, version: str | None) -> str | None:
        return await to_thread.run_sync(partial(local_writes.put_if, self._root / checked(name), data, version))

    async def get(self, name: str) -> bytes | None:
        return await to_thread.run_sync(partial(_get, self._root / checked(name)))

    async def read(self, name: str) -> StoredBytes | None:
        return await to_thread.run_sync(partial(_read, self._root / checked(name)))

    async def names(self, prefix: str = "") -> list[str]:
        return await to_thread.run_sync(partial(_names, self._root, checked_prefix(prefix)))

    async def get_range(self, name: str, start: int, length: int) -> bytes | None:
        return await to_thread.run_sync(partial(_get_range, self._root / checked(name), start, length))

    async def folders(self, prefix: str = "") -> list[str]:
        return await to_thread.run_sync(partial(_folders, self._root, checked_prefix(prefix)))

    async def sizes(self, prefix: str = "") -> dict[str, int]:
        return await to_thread.run_sync(partial(_sizes, self._root, checked_prefix(prefix)))

    async def delete(self, names: Sequence[str]) -> None:
        await to_thread.run_sync(partial(_delete, self._root, [self._root / checked(name) for name in names]))

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncIterator[None]:
        """Holds the folder `name` against every other process of this machine, until the block or the process ends.

        Raises:
            LocksUnsupported: the file system has no locks.
            StoreBusy: another process holds it.
        """
        path = self._root / checked(name) / ".lock"
        held = await to_thread.run_sync(partial(_lock, path))
        try:
            yield
        finally:
            os.close(held)


def absolute_folder(location: str) -> Path:
    """Returns the folder as an absolute path.

    Raises:
        ConfigError: its name has control characters, its `~` names no home folder, or the working folder is gone.
    """
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in location):  # noqa: PLR2004 - ASCII's controls
        raise ConfigError(f"the folder {terminal_text(location)!s} has control characters in its name: correct it")
    try:
        return Path(location).expanduser().absolute()
    except FileNotFoundError as error:
        raise ConfigError(
            f"the folder {location} cannot be resolved because the working folder was removed: "
            "change to a folder that is there, or give an absolute path"
        ) from error
    except RuntimeError as error:
        raise ConfigError(f"the folder {location} cannot be resolved: no home folder is known; write it out") from error


def _get(path: Path) -> bytes | None:
    with as_store_error("read", path):
        try:
            return local_writes.read_file(path)[0]
        except FileNotFoundError:
            return None


def _get_range(path: Path, start: int, length: int) -> bytes | None:
    with as_store_error("read", path):
        try:
            return local_writes.read_range(path, start, length)
        except FileNotFoundError:
            return None


def _read(path: Path) -> StoredBytes | None:
    with as_store_error("read", path):
        try:
            data, written_at = local_writes.read_file(path)
        except FileNotFoundError:
            return None
        age_s = local_writes.now_of(path.parent) - written_at
        return StoredBytes(data, local_writes.version_of(data), max(age_s, 0.0))


def _names(root: Path, prefix: str) -> list[str]:
    start = root / prefix.rpartition("/")[0]
    with as_store_error("list", start):
        names = (path.relative_to(root).as_posix() for path in _visible_files(start))
        return sorted(name for name in names if name.startswith(prefix))


def _folders(root: Path, prefix: str) -> list[str]:
    parent, _, start = prefix.rpartition("/")
    folder = root / parent
    with as_store_error("list", folder):
        try:
            entries = [entry for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith(".")]
        except FileNotFoundError:
            return []
        # A folder without a file, or with a lock alone, is none on S3 either.
        held = [entry.name for entry in entries if next(_visible_files(Path(entry.path)), None) is not None]
    return sorted(name.removeprefix(start) for name in held if name.startswith(start))


def _sizes(root: Path, prefix: str) -> dict[str, int]:
    sizes = {}
    for name in _names(root, prefix):
        with as_store_error("list", root / name), suppress(FileNotFoundError):
            sizes[name] = (root / name).stat().st_size
    return sizes


def _visible_files(folder: Path) -> Iterator[Path]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        # Not made yet, or removed by another process meanwhile.
        return
    with entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _visible_files(Path(entry.path))
            else:
                yield Path(entry.path)


def _delete(root: Path, paths: Sequence[Path]) -> None:
    for path in paths:
        with as_store_error("delete", path):
            path.unlink(missing_ok=True)
    # The longest first, so that a folder is empty by the time it is looked at.
    for folder in sorted({path.parent for path in paths}, key=lambda folder: -len(folder.parts)):
        with as_store_error("tidy", folder), suppress(FileNotFoundError), local_writes.suppress_errno(errno.ENOTEMPTY):
            _tidy(folder, is_shared=folder == root)


def _tidy(folder: Path, *, is_shared: bool) -> None:
    """Syncs a folder that lost files; removes it if only half-written files and locks are left in it.

    In a folder that other runs share such a file may be theirs, so that only an empty one is removed.
    """
    if not folder.is_dir():
        return
    local_writes.sync_folder(folder)
    left = list(folder.iterdir())
    if is_shared and left:
        return
    if all(path.name.startswith(".") and (path.is_symlink() or path.is_file()) for path in left):
        for path in left:
            path.unlink(missing_ok=True)
        folder.rmdir()


def _lock(path: Path) -> int:
    with as_store_error("lock", path):
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = local_writes.in_folder(path.parent, partial(os.open, path, flags, local_writes.FILE_MODE))
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            if error.errno in _NO_LOCKS:
                raise LocksUnsupported(f"{path} cannot be locked: its file system has no locks") from error
            if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                raise StoreBusy(f"another process is writing {path.parent}: wait until it has ended") from error
            raise
        return handle
