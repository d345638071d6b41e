"""Compares versions of Debian packages in dpkg's order, through a library that implements Debian's policy."""

from __future__ import annotations

from functools import lru_cache

from debian_inspector.version import Version, compare_versions

#: Versions of packages have up to 80 characters; the library's time grows with the square of the length.
_LONGEST = 256


@lru_cache(maxsize=100_000)
def _parsed(version: str) -> Version | None:
    if len(version) > _LONGEST or not version.isascii():
        return None
    try:
        return Version.from_string(version)
    except ValueError:
        return None


def compare_dpkg(version: str | None, other: str | None) -> int | None:
    """Returns -1, 0 or 1 as the version is older than the other, equal or newer; None where one is no version."""
    left, right = (_parsed(each) if each else None for each in (version, other))
    if left is None or right is None:
        return None
    order: int = compare_versions(left, right)
    return order
