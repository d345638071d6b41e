"""Names the files of an answer that is split: one for each group of machines, after its value."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from scanner.core.errors import ConfigError

MOST_FILES = 1_000  # each is a whole report; a tag with more values, such as Name, is a mistake
UNTAGGED = "untagged"  # the machines without a value
_LONGEST_NAME = 100
_OUTSIDE_NAMES = re.compile(r"[^\w.-]+", re.ASCII)
_LIKE_A_DIGEST = re.compile(r"-[0-9a-f]{8}$", re.IGNORECASE)


def file_names(values: Sequence[str | None], suffix: str = ".html") -> dict[str | None, str]:
    """Returns a file name for each value: letters, digits, `_`, `.` and `-`, no two alike on any file system.

    Of values that would share a name, each gets the first digits of its own hash; so do those that look as if they had.

    Raises:
        ConfigError: there are more than `MOST_FILES` values.
    """
    if len(values) > MOST_FILES:
        raise ConfigError(
            f"there are {len(values):,} values, and an answer is split into {MOST_FILES:,} files at most: "
            "choose what has fewer"
        )
    names = {value: _safe(value) for value in values if value is not None}
    taken = Counter([UNTAGGED, *(name.casefold() for name in names.values())])
    unique = {
        value: f"{name}-{_digest(value)}" if taken[name.casefold()] > 1 or _LIKE_A_DIGEST.search(name) else name
        for value, name in names.items()
    }
    return {value: f"{UNTAGGED if value is None else unique[value]}{suffix}" for value in values}


def check_folder(path: str) -> None:
    """Makes the folder of split files if there is none, for its owner only.

    Raises:
        ConfigError: it cannot be made, or something else than a folder stands there.
    """
    try:
        Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the folder {path!a} of the files cannot be made: {error.strerror or error}") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigError(f"the folder {path!a} of the files is not writable")


def _safe(value: str) -> str:
    return _OUTSIDE_NAMES.sub("-", value).strip("-.")[:_LONGEST_NAME] or "value"


def _digest(value: str) -> str:
    return sha256(value.encode(errors="surrogatepass")).hexdigest()[:8]
