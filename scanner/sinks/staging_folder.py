"""A hidden folder beside the place of new files, where they grow until they are renamed into place."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

_PREFIX = ".patchsweep-"
_open_private = partial(os.open, mode=0o600)


class StagingFolder:
    """A private folder inside `parent`, which is made if it is missing. Methods raise `OSError`.

    It is locked as long as this process lives, so that no other process takes it for one that was left behind.
    """

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._made = _make_missing(parent)
        try:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        except BaseException:
            self._remove_made()
            raise
        self._lock = _lock(self.path)

    def finish(self) -> None:
        """Keeps the parent, makes the renames in it durable, and removes folders that killed processes left there."""
        self._made = []
        handle = os.open(self._parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        _remove_abandoned(self._parent)

    def remove(self) -> None:
        """Removes the folder with all that is in it, and its parents if they were made for it and are not finished."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)
        self._remove_made()

    def _remove_made(self) -> None:
        for folder in self._made:
            with suppress(OSError):  # another process uses the folder by now
                folder.rmdir()


def move_into_place(staged: Path, place: Path) -> None:
    """Renames the file to `place`; where a link stands there, to what it leads to, so that the link stays.

    Raises:
        OSError: it cannot be renamed, or no plain file stands there.
    """
    target = place.resolve()
    if target.exists() and not target.is_file():
        raise OSError(errno.EEXIST, "it is no plain file", str(target))
    try:
        staged.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_into_place(staged, target)


def put_if_absent(staged: Path, place: Path) -> bool:
    """Puts the file in its place if there is none yet, and says whether it did.

    Raises:
        OSError: it cannot be put there.
    """
    try:
        place.hardlink_to(staged)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if place.exists():
            return False
        staged.rename(place)
    return True


def _copy_into_place(staged: Path, target: Path) -> None:
    """Copies to a staging folder on the file system that the link leads to, and renames there."""
    staging = StagingFolder(target.parent)
    try:
        copy = staging.path / target.name
        with staged.open("rb") as source, os.fdopen(create_private(copy), "wb") as file:
            shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
        copy.replace(target)
        staging.finish()
    finally:
        staging.remove()


def create_private(path: Path) -> int:
    """Creates the file, for its owner only from the first moment, and returns it open for writing."""
    return _open_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW)


def _make_missing(folder: Path) -> list[Path]:
    """Makes the folder and its missing parents; returns what was made, the innermost first."""
    if folder.is_dir():
        return []
    made = _make_missing(folder.parent)
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        if folder.is_dir():  # another process made it at the same moment
            return made
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from None
    return [folder, *made]


def _lock(folder: Path) -> int:
    handle = _open_private(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW)
    with suppress(OSError):  # where the file system has no locks, no process removes abandoned folders either
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # in use, or removed already
            handle = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
