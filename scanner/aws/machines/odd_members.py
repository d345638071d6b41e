"""Decodes the members of a list one by one: one that is not what it should be costs itself alone, and is named.

A page of a listing holds up to 500 machines; a member of an unknown shape must not cost the others. `Undecodable` is
left for what is no answer of AWS at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from scanner.aws.operations import Operation
from scanner.aws.transport.decoding import Undecodable, decode

R = TypeVar("R")

#: Takes note of a member that cannot be read: the operation that answered it, and words that name the member.
OnOdd = Callable[[Operation, str], None]


def ignore_odd(operation: Operation, name: str) -> None:
    """Takes no note of a member that cannot be read: for requests whose answer is not used."""


def readable(
    rows: Iterable[msgspec.Raw], decoder: msgspec.json.Decoder[R], on_odd: Callable[[msgspec.Raw], None]
) -> Iterator[R]:
    """Yields the rows that the decoder takes; the others are given to `on_odd`."""
    for raw in rows:
        try:
            yield decode(decoder, raw)
        except Undecodable:
            on_odd(raw)


def text_member(raw: msgspec.Raw, name: str) -> str | None:
    """Returns a member of a row that could not be decoded as a whole, if that member at least is text."""
    try:
        members = decode(_ANYTHING, raw)
    except Undecodable:
        return None
    value = members.get(name) if isinstance(members, dict) else None
    return value if isinstance(value, str) and value else None


_ANYTHING: msgspec.json.Decoder[object] = msgspec.json.Decoder()
