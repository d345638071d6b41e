"""A private temporary folder for what is not committed yet."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path


class TemporaryFolder:
    """A folder that only this user can read, made when it is first needed."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def path(self, name: str) -> Path:
        """Returns the path of a file in the folder.

        Raises:
            OSError: the folder cannot be made.
        """
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="patchsweep-"))
        return self._folder / name

    def remove(self) -> None:
        """Removes the folder with all that is in it."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
