"""Files that grow under cover beside their place and take it together."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

_COVER = ".patchsweep-"
_private = partial(os.open, mode=0o600)


class StagedFiles:
    """The files `names` of a folder, replaced all at once by `publish`; until then the folder stays as it was.

    The last name is the mark: it is taken away before the others are replaced and comes back after them, so where it
    stands the folder is whole. New folders and files can be read by their owner only. Methods raise `OSError`.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder = folder
        self._is_new = not folder.is_dir()
        folder.mkdir(0o700, parents=True, exist_ok=True)
        self._cover = Path(tempfile.mkdtemp(prefix=_COVER, dir=folder))
        self._lock = _hold(self._cover)
        self._files: dict[str, BinaryIO] = {}
        try:
            for name in names:
                self._files[name] = _create(self._cover / name)
        except BaseException:
            self.discard()
            raise

    def append(self, name: str, data: bytes) -> None:
        self._files[name].write(data)

    def publish(self) -> None:
        """Put the files in their places, durably."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
            file.close()
        mark = list(self._files)[-1]
        (self._folder / mark).unlink(missing_ok=True)
        for name in self._files:
            (self._cover / name).replace(self._folder / name)
        _sync(self._folder)
        self._is_new = False
        _remove_abandoned(self._folder)

    def discard(self) -> None:
        """Let go of everything, and leave no trace of what was not published."""
        for file in self._files.values():
            with suppress(OSError):  # a full disk refuses the buffered rest, which is not wanted any more
                file.close()
        shutil.rmtree(self._cover, ignore_errors=True)
        os.close(self._lock)
        if self._is_new:
            with suppress(OSError):  # another process found the folder useful meanwhile
                self._folder.rmdir()


def _create(path: Path) -> BinaryIO:
    return os.fdopen(_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC), "wb")


def _hold(cover: Path) -> int:
    """Lock the cover as long as this process lives, so that no other takes it for abandoned."""
    handle = _private(cover / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    with suppress(OSError):  # where the file system knows no locks, nobody clears up either
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


def _remove_abandoned(folder: Path) -> None:
    """Remove the covers of processes that were killed."""
    for cover in folder.glob(f"{_COVER}*"):
        with suppress(OSError):  # in use, or gone already
            handle = os.open(cover / "lock", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(cover, ignore_errors=True)
            finally:
                os.close(handle)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
