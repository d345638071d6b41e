"""Opens files that the user names besides the store: a path, a folder of files, or an object on S3."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from anyio import to_thread

from scanner.core.errors import ConfigError, StoreError
from scanner.core.safe_text import terminal_text
from scanner.core.settings import Settings
from scanner.files.open import open_places

_S3 = "s3://"


class UserFile:
    """One file: its name as the user wrote it, and its bytes. Those of an object on S3 are in memory already."""

    def __init__(self, name: str, data: bytes | None = None) -> None:
        self.name = name
        self._data = data

    def open(self) -> BinaryIO:
        """Opens it for reading, at its start.

        Raises:
            ConfigError: it cannot be opened.
        """
        if self._data is not None:
            return io.BytesIO(self._data)
        try:
            return Path(self.name).expanduser().open("rb")
        except OSError as error:
            raise ConfigError(f"{terminal_text(self.name)} cannot be read: {error.strerror or error}") from error


async def user_files(location: str, settings: Settings, suffixes: tuple[str, ...] = (".json",)) -> Iterator[UserFile]:
    """Returns the file at this place or, of a folder, the files in it that end so, at any depth, sorted by name.

    Raises:
        ConfigError: there is none, or it cannot be read.
    """
    if location.startswith(_S3):
        return iter([await _object(location, settings)])
    return await to_thread.run_sync(_local, location, suffixes)


async def _object(location: str, settings: Settings) -> UserFile:
    folder, _, name = location.rpartition("/")
    if not name or folder in {_S3.rstrip("/"), _S3}:
        raise ConfigError(
            f"{terminal_text(location)} names no object: write s3://bucket/key, for many files an archive"
        )
    try:
        async with open_places([folder], settings) as places:
            data = await places(folder).get(name)
    except StoreError as error:
        raise ConfigError(str(error)) from error
    if data is None:
        raise ConfigError(f"there is no {terminal_text(location)}")
    return UserFile(location, data)


def _local(location: str, suffixes: tuple[str, ...]) -> Iterator[UserFile]:
    path = Path(location).expanduser()
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{terminal_text(location)} cannot be read: {reason}") from error
    if stat.S_ISDIR(kind):
        return _in_folder(path, suffixes)
    if not stat.S_ISREG(kind):
        raise ConfigError(f"{terminal_text(location)} is neither a file nor a folder")
    return iter([UserFile(location)])


def _in_folder(folder: Path, suffixes: tuple[str, ...]) -> Iterator[UserFile]:
    """Yields the files one by one: a folder of OSV records has tens of thousands."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(root, name) for name in sorted(names) if name.endswith(suffixes))
        # A pipe that nothing writes would hold the reader up without end.
        yield from (UserFile(str(path)) for path in paths if path.is_file())
