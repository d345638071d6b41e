"""A private temporary folder for what is not committed yet."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path


class Spool:
    """A folder that only this user can read, made when it is first needed."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def path(self, name: str) -> Path:
        """The path of a file in the folder, or `OSError` if there can be no folder."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="patchsweep-"))
        return self._folder / name

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
