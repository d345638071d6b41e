"""Writes files of a folder: each appears under its name whole and durable, or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, TypeVar

from scanner.core.errors import StoreError
from scanner.files.disk_errors import as_store_error

T = TypeVar("T")

FILE_MODE = 0o600
_FOLDER_MODE = 0o700
_FOLDER_ATTEMPTS = 10  # another run removes an empty folder only at its start and end
_CLAIM_STALE_AFTER_S = 60.0  # a conditional write takes milliseconds; one that is older died in the middle
_CLAIM_TRIES = 50
_CLAIM_PAUSE_S = 0.05
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
#: What file systems without hard links answer: FAT and SMB shares, many FUSE mounts.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})


def version_of(data: bytes) -> str:
    """Returns the version of a file with these bytes."""
    return sha256(data).hexdigest()


def put(path: Path, data: bytes) -> None:
    """Writes a file, replacing a file that stands there; raises `StoreError` if something else stands there."""
    with as_store_error("write", path):
        in_folder(path.parent, partial(_replace, path, data))
        sync_folder(path.parent)


def put_if(path: Path, data: bytes, version: str | None) -> str | None:
    """Writes a file if it has this version, None: if it is not there. Returns the new version, None if not written."""
    with as_store_error("write", path):
        placed = in_folder(path.parent, partial(_replace_if, path, data, version))
        if placed:
            sync_folder(path.parent)
    return version_of(data) if placed else None


def _replace(path: Path, data: bytes) -> None:
    with _staged(path, data) as staged:
        _refuse_what_is_no_file(path)
        staged.replace(path)


def _replace_if(path: Path, data: bytes, version: str | None) -> bool:
    with _staged(path, data) as staged:
        if version is None:
            return _place_new(staged, path)
        with _claim(path):
            is_that_version = _version_at(path) == version
            if is_that_version:
                staged.replace(path)
            return is_that_version


@contextmanager
def _staged(path: Path, data: bytes) -> Iterator[Path]:
    """Writes the bytes to a hidden file beside the place; whatever happens, none is left behind."""
    staged = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    try:
        _write_durably(staged, data)
        yield staged
    finally:
        with suppress(OSError):
            staged.unlink()


def _place_new(staged: Path, path: Path) -> bool:
    try:
        # Unlike a rename, a link never replaces what stands there, on a network file system either.
        os.link(staged, path, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        return True
    with _claim(path):
        if os.path.lexists(path):
            return False
        staged.replace(path)
        return True


@contextmanager
def _claim(path: Path) -> Iterator[None]:
    """Holds the right to replace a file, by a hidden file beside it that only one process can create."""
    claim = path.parent / f".{path.name}.claim"
    for _ in range(_CLAIM_TRIES):
        with suppress(FileExistsError):
            os.close(os.open(claim, _NEW_FILE, FILE_MODE))
            break
        _remove_stale(claim)
        time.sleep(_CLAIM_PAUSE_S)
    else:
        raise StoreError(f"{path} is being written by another process: try again; if none is running, remove {claim}")
    try:
        yield
    finally:
        with suppress(OSError):
            claim.unlink()


def _remove_stale(claim: Path) -> None:
    # Renamed first, so that of two processes only one removes it.
    with suppress(FileNotFoundError):
        if now_of(claim.parent) - claim.stat(follow_symlinks=False).st_mtime > _CLAIM_STALE_AFTER_S:
            aside = claim.with_name(f"{claim.name}.{secrets.token_hex(8)}")
            claim.rename(aside)
            aside.unlink()


def _version_at(path: Path) -> str | None:
    try:
        return version_of(read_file(path)[0])
    except FileNotFoundError:
        return None


def read_file(path: Path) -> tuple[bytes, float]:
    """Returns the bytes of a file and the time at which it was written; a pipe or a device is refused unread."""
    with _opened(path) as file:
        return file.read(), os.fstat(file.fileno()).st_mtime


def read_range(path: Path, start: int, length: int) -> bytes:
    """Returns a part of the bytes of a file; a pipe or a device is refused unread."""
    with _opened(path) as file:
        file.seek(start)
        return file.read(length)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    # Without O_NONBLOCK the opening of a pipe waits for a writer.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:  # noqa: PTH123 - a handle, not a path
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise StoreError(f"{path} is no plain file: move it away")
        yield file


def now_of(folder: Path) -> float:
    """Returns the time by the clock that stamps the folder's files, which on a network file system is the server's."""
    probe = folder / f".now.{secrets.token_hex(8)}"
    try:
        handle = os.open(probe, _NEW_FILE, FILE_MODE)
    except OSError:
        return time.time()
    try:
        return os.fstat(handle).st_mtime
    finally:
        os.close(handle)
        with suppress(OSError):
            probe.unlink()


def _refuse_what_is_no_file(path: Path) -> None:
    """Raises `StoreError` for a link, pipe, device or folder: a rename would remove it, or write where it leads."""
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise StoreError(f"cannot write {path}: it is no plain file; move it away")


def _write_durably(path: Path, data: bytes) -> None:
    file = os.open(path, _NEW_FILE, FILE_MODE)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    finally:
        os.close(file)


def in_folder(folder: Path, work: Callable[[], T]) -> T:
    """Makes the folder, and does in it what `work` does.

    Another run removes folders in which it finds nothing but hidden files, and these with them, at any moment before a
    file lies there under its name; then both are tried again.
    """
    for _ in range(_FOLDER_ATTEMPTS - 1):
        with suppress(FileNotFoundError):
            _make_folder(folder)
            return work()
    _make_folder(folder)
    return work()


def _make_folder(folder: Path) -> None:
    """Makes what is missing of the path; a folder is durable only when its parent is synced too."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    # Another process may make the same folder at the same moment.
    folder.mkdir(_FOLDER_MODE, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Some network and FUSE file systems cannot sync a folder and are durable, or not, without it.
        with suppress_errno(errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def suppress_errno(*numbers: int) -> Iterator[None]:
    """Ignores an OSError with one of these numbers."""
    try:
        yield
    except OSError as error:
        if error.errno not in numbers:
            raise
