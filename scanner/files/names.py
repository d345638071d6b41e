"""What may be the name of a file in a store: a relative path without hidden or empty parts."""

from __future__ import annotations

import re

from scanner.core.errors import StoreError

_PART = re.compile(r"[^./\\\0][^/\\\0]*\Z")


def checked(name: str) -> str:
    """Returns the name itself.

    Raises:
        StoreError: it is empty or absolute, has an empty part or one that starts with a dot, or a backslash or NUL.
    """
    if not all(_PART.match(part) for part in name.split("/")):
        raise StoreError(f"{name!r} cannot be the name of a file in a store")
    return name


def checked_prefix(prefix: str) -> str:
    """Returns the prefix itself, of which the last part may be cut off anywhere, or raises `StoreError`."""
    folder = prefix.rpartition("/")[0]
    if folder:
        checked(folder)
    return prefix
