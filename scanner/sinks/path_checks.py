"""Folders and files as places for a sink: looked at before the scan, and their errors told afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scanner.core.errors import ConfigError, SinkError


def checked_folder(where: str, label: str) -> Path:
    """The folder, which is there or can be made.

    Raises:
        ConfigError: neither is the case, or the folder cannot be written; the message names the sink by `label`.
    """
    with _as_config_error(label):
        folder = Path(where).expanduser().absolute()
        _check_writable(folder, label)
        return folder


def checked_file(where: str, label: str) -> Path:
    """The file, which is there or can be made, its folder too.

    Raises:
        ConfigError: neither is the case, or its folder cannot be written; the message names the sink by `label`.
    """
    with _as_config_error(label):
        file = Path(where).expanduser().absolute()
        if file.is_dir():
            raise ConfigError(f"the sink {label} needs a file and {file} is a folder: add the name of a file")
        _check_writable(file.parent, label)
        return file


def _check_writable(folder: Path, label: str) -> None:
    """Look at the nearest folder there is: what is missing below it will be made."""
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
    except (OSError, RuntimeError) as error:  # RuntimeError: the home folder of `~name` is not known
        raise ConfigError(f"the sink {label} cannot use this place: {error}") from error


@contextmanager
def as_sink_error(doing: str, place: Path) -> Iterator[None]:
    """Turn any OSError into a `SinkError` that says what could not be done, where, and the way out."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SinkError(
            f"cannot {doing} {place}: {why}; put that right, then send the scan again with publish"
        ) from error
