"""Suggests the known name that a wrong one was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Returns `; did you mean …?` where a known name is close or ends in the same key, else nothing."""
    known = list(known)
    near = [name for name in known if name.rpartition(".")[2] == wrong.rpartition(".")[2]]
    near = near or get_close_matches(wrong, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
