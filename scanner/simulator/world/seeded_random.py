"""Chance that repeats itself: a number between 0 and 1 that follows from what it is for."""

from __future__ import annotations

from hashlib import blake2b

_SCALE = 1 << 64


def seeded_random(*what: object) -> float:
    """The same number for the same words, whatever the process."""
    digest = blake2b("\x1f".join(map(str, what)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / _SCALE
