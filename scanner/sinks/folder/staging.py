"""Files of one folder that are written to a staging folder and renamed into place together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from scanner.sinks.staging_folder import StagingFolder, create_private, move_into_place


class StagedFiles:
    """The files `names` of a folder, replaced together by `publish`; until then the folder stays as it was.

    The last name is the marker: it is removed before the others are replaced and put back after them, so where it
    stands the folder is whole. New folders and files can be read by their owner only. Methods raise `OSError`.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder = folder
        self._staging = StagingFolder(folder)
        self._files: dict[str, BinaryIO] = {}
        try:
            for name in names:
                self._files[name] = os.fdopen(create_private(self._staging.path / name), "wb")
        except BaseException:
            self.discard()
            raise

    def append(self, name: str, data: bytes | pa.Buffer) -> None:
        self._files[name].write(data)

    def publish(self) -> None:
        """Puts the files in their places, durably."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
            file.close()
        marker = list(self._files)[-1]
        (self._folder / marker).resolve().unlink(missing_ok=True)
        for name in self._files:
            move_into_place(self._staging.path / name, self._folder / name)
        self._staging.finish()

    def discard(self) -> None:
        """Closes everything, and leaves no trace of what was not published."""
        for file in self._files.values():
            with suppress(OSError):  # a full disk refuses the buffered rest, which is not needed any more
                file.close()
        self._staging.remove()
