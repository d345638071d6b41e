"""Folders and files as places for a sink, looked at before the scan."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scanner.core.errors import ConfigError


def checked_folder(where: str, label: str, files: Iterable[str] = ()) -> Path:
    """Returns the folder, which exists or can be made, and in which each of `files` can be replaced.

    Raises:
        ConfigError: none of that, or the folder cannot be written; the message names the sink by `label`.
    """
    with _as_config_error(label):
        folder = Path(where).expanduser().absolute()
        _check_writable(folder, label)
        for name in files:
            _check_plain_file((folder / name).resolve(), label)
        return folder


def checked_file(where: str, label: str) -> Path:
    """Returns the file, links followed, which exists or can be made, its folder too.

    Raises:
        ConfigError: neither is the case, it is no plain file, or its folder cannot be written; the message names the
            sink by `label`.
    """
    with _as_config_error(label):
        file = Path(where).expanduser().absolute().resolve()
        if file.is_dir():
            raise ConfigError(f"the sink {label} needs a file and {file} is a folder: add the name of a file")
        _check_plain_file(file, label)
        _check_writable(file.parent, label)
        return file


def _check_plain_file(file: Path, label: str) -> None:
    """Refuses devices, pipes and sockets: a file that is renamed onto one destroys it."""
    if file.exists() and not file.is_file():
        raise ConfigError(f"the sink {label} needs a plain file and {file} is none: choose another place")


def _check_writable(folder: Path, label: str) -> None:
    """Looks at the nearest folder that exists: what is missing below it will be made."""
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise ConfigError(f"the sink {label} needs a folder and {folder} is a file: choose another place")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(
            f"the sink {label} cannot write in {folder}: let this user write there, or choose another place"
        )


@contextmanager
def _as_config_error(label: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: unknown home folder of `~name`, links in a circle
        raise ConfigError(f"the sink {label} cannot use this place: {error}") from error
