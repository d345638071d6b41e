"""Writes a small file whole or not at all, readable by its owner only."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from scanner.core.errors import ConfigError, PatchsweepError


def check_folder(path: str, what: str = "summary") -> None:
    """Raises `ConfigError` where `write_file` could not work; `what` the file is stands in the sentence."""
    folder = Path(path).parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"the folder {folder} of the {what} file {path} is not there or not writable")
    if Path(path).is_dir():
        raise ConfigError(f"the {what} file {path} is a folder; name a file in it")


def write_file(path: str, data: bytes, what: str = "summary") -> None:
    """Write by a temporary file beside it and a rename.

    Raises:
        PatchsweepError: The file cannot be written there.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
        temporary.replace(target)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise PatchsweepError(f"the {what} file {path} cannot be written: {error.strerror or error}") from error
