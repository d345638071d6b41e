"""Pure: holds what botocore's parsers return against its models, which those parsers do not."""

from __future__ import annotations

import datetime as dt
from typing import TypeVar, cast

from botocore.model import Shape
from botocore.parsers import ResponseParserError

from scanner.aws.transport.decoding import replace_lone_surrogates

A = TypeVar("A")

_TYPES: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "character": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
    "timestamp": dt.datetime,
}


def conformed(parsed: A, shape: Shape | None) -> A:
    """Returns a parsed answer with U+FFFD for each half of a surrogate pair, which no file or terminal can hold.

    Args:
        parsed: an answer, or a part of one.
        shape: what its model says; None checks no type.

    Raises:
        ResponseParserError: a member has a type that its model does not give it.
    """
    expected = _TYPES.get(shape.type_name) if shape is not None else None
    if parsed is not None and expected is not None and not isinstance(parsed, expected):
        raise ResponseParserError(f"{shape.name if shape else ''} is of type {type(parsed).__name__}")
    if isinstance(parsed, str):
        return cast("A", replace_lone_surrogates(parsed))
    if isinstance(parsed, list):
        member = getattr(shape, "member", None)
        return cast("A", [conformed(value, member) for value in parsed])
    if isinstance(parsed, dict):
        members = getattr(shape, "members", {})
        of_map = getattr(shape, "value", None)
        checked = {name: conformed(value, members.get(name, of_map)) for name, value in parsed.items()}
        return cast("A", checked)
    return parsed
