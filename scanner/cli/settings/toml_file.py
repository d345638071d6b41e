"""Reads the configuration file, and says in one sentence why it cannot be read."""

from __future__ import annotations

import codecs
import tomllib
from pathlib import Path

from scanner.core.errors import ConfigError

_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def read_toml(path: str) -> dict[str, object]:
    """Returns the document in the file.

    A byte order mark of UTF-8 and line ends of Windows are accepted: editors on Windows write them.

    Raises:
        ConfigError: It cannot be read, is not UTF-8 or not TOML; the text starts with the path.
    """
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: the configuration file cannot be read: {reason}") from error
    try:
        return tomllib.loads(_text(path, data))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: the configuration file is not valid TOML: {error}") from error


def _text(path: str, data: bytes) -> str:
    # UTF-16 without a mark shows by its zero bytes, which TOML allows nowhere.
    if data.startswith(_WIDE_MARKS) or b"\0" in data:
        kind = "UTF-16 text" if data.startswith(_WIDE_MARKS) or data[1:2] == b"\0" else "a text file (a NUL byte)"
        problem = f"it is {kind}" if kind.startswith("UTF") else f"it is not {kind}"
        raise ConfigError(f"{path}: the configuration file is not UTF-8 text: {problem}; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}: the configuration file is not UTF-8 text (line {line}, byte {data[error.start]:#04x}); "
            "save it as UTF-8"
        ) from error
