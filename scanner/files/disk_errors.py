"""What an operating system error on a folder means to its owner, as one sentence."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scanner.core.errors import StoreError

_THROUGH_A_FILE = "a part of the path is a file, not a folder: choose another `store.location`"
_REMEDY = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EFBIG: "the file would be larger than the limit of this process allows (ulimit -f)",
    errno.EACCES: "permission denied: let this user read and write there, or choose another `store.location`",
    errno.EPERM: "not permitted: let this user read and write there, or choose another `store.location`",
    errno.EROFS: "the file system is read-only: choose another `store.location`",
    errno.ENOTDIR: _THROUGH_A_FILE,
    errno.EEXIST: _THROUGH_A_FILE,
    errno.ELOOP: "a symbolic link stands where a file should be: move it away",
    errno.ENXIO: "a pipe or device stands where a file should be: move it away",
    errno.EISDIR: "a folder stands where a file should be: move it away",
    errno.ENAMETOOLONG: "the path is too long: choose a shorter `store.location`",
    errno.EMFILE: "too many open files: raise the limit of this process (ulimit -n)",
    errno.EIO: "the disk reports an error: check it before scanning again",
    errno.ESTALE: "the network file system has lost the file: mount it again",
}


@contextmanager
def as_store_error(doing: str, path: Path) -> Iterator[None]:
    """Turns any OSError into a `StoreError` that says what could not be done, where, and what to do."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDY.get(error.errno or 0, error.strerror or type(error).__name__)
        raise StoreError(f"cannot {doing} {path}: {remedy}") from error
