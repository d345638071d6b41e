"""Writes a small file of the user's choice, like a summary or a report.

A regular file is replaced by a rename, so that a reader sees the old content or the new one, never a part. What is not
a regular file, such as a pipe or /dev/stdout, is opened and written: a rename would destroy it. So is a file that a
container has mounted by itself, since nothing can be renamed onto a mount.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from scanner.core.errors import ConfigError, PatchsweepError

_NEW_FILE_MODE = 0o600  # a report names what an attacker would like to know
_DESCRIPTORS = re.compile(r"/proc/\d+(/task/\d+)?/fd")
_MOST_LINKS = 40  # as Linux itself follows


def check_file(path: str, what: str) -> None:
    """Finds out before the work whether `write_file` could write there.

    Args:
        path: As the user gave it.
        what: The file's purpose, for the sentence: `summary`, `report`, `profile`.

    Raises:
        ConfigError: There is no such folder, it is not writable, or the path is a folder, a socket or a disk.
    """
    if any(ord(char) < ord(" ") for char in path):
        raise ConfigError(f"the {what} file {path!a} has a control character in its name")
    try:
        kind = _kind(path)
        folder = Path(os.path.realpath(path)).parent
    except OSError as error:
        raise ConfigError(f"the {what} file {path} cannot be used: {error.strerror or error}") from error
    if kind is not None and stat.S_ISDIR(kind):
        raise ConfigError(f"the {what} file {path} is a folder; name a file in it")
    if kind is not None and (stat.S_ISSOCK(kind) or stat.S_ISBLK(kind)):
        raise ConfigError(f"the {what} file {path} is a {'socket' if stat.S_ISSOCK(kind) else 'disk'}; name a file")
    if kind is not None and not os.access(path, os.W_OK):
        raise ConfigError(f"the {what} file {path} is not writable")
    if (kind is None or _is_replaced(path, kind)) and not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"the folder {folder} of the {what} file {path} does not exist or is not writable")


def write_file(path: str, data: bytes, what: str, new_file_mode: int = _NEW_FILE_MODE) -> None:
    """Writes the whole file, durably; raises `ConfigError` as `check_file` does.

    A file that is there keeps its mode; `new_file_mode` is for one that is not.

    Raises:
        PatchsweepError: The file cannot be written.
    """
    check_file(path, what)
    try:
        kind = _kind(path)
        if kind is None or _is_replaced(path, kind):
            _replace(Path(os.path.realpath(path)), data, new_file_mode)
        else:
            _write_into(path, data)
    except OSError as error:
        raise _not_written(path, what, error) from error


def append_file(path: str, data: bytes, what: str, new_file_mode: int) -> None:
    """Appends to a file that is not replaced, such as a log that an agent follows; makes it if it is not there.

    Raises:
        PatchsweepError: The file cannot be written.
    """
    try:
        _write_into(path, data, os.O_CREAT, new_file_mode)
    except OSError as error:
        raise _not_written(path, what, error) from error


def _not_written(path: str, what: str, error: OSError) -> PatchsweepError:
    reason = "no process reads this pipe" if error.errno == errno.ENXIO else error.strerror or error
    return PatchsweepError(f"the {what} file {path} cannot be written: {reason}")


def _kind(path: str) -> int | None:
    """Returns the mode of what is there, links followed; None where there is nothing yet."""
    try:
        return Path(path).stat().st_mode
    except FileNotFoundError:
        return None


def _is_replaced(path: str, kind: int) -> bool:
    return stat.S_ISREG(kind) and not _is_descriptor(path)


def _is_descriptor(path: str) -> bool:
    """Returns whether the path is an open file of a process, like /dev/stdout, which a shell may have redirected."""
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(Path(path).parent)
        if _DESCRIPTORS.fullmatch(folder):
            return True
        if not Path(path).is_symlink():
            return False
        path = str(Path(folder, Path(path).readlink()))
    return False


def _replace(target: Path, data: bytes, new_file_mode: int) -> None:
    temporary: Path | None = None
    try:
        with NamedTemporaryFile(dir=target.parent, prefix=".patchsweep-", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            _copy_owner_and_mode(target, file.fileno(), new_file_mode)
            # Before the rename: after a power cut the name must not stand for an empty file.
            os.fsync(file.fileno())
        _rename(temporary, target, data)
    except BaseException:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _rename(temporary: Path, target: Path, data: bytes) -> None:
    try:
        temporary.replace(target)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        _write_into(str(target), data, os.O_TRUNC)
        temporary.unlink()


def _copy_owner_and_mode(target: Path, descriptor: int, new_file_mode: int) -> None:
    try:
        before = target.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, new_file_mode)
        return
    with suppress(PermissionError):  # only root may give a file away
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some file systems cannot; the file itself is safe
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_into(path: str, data: bytes, flags: int = 0, new_file_mode: int = _NEW_FILE_MODE) -> None:
    # Without a reader opening a pipe would block without end; with O_NONBLOCK that is ENXIO.
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND | os.O_NOCTTY | flags, new_file_mode)
    os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
