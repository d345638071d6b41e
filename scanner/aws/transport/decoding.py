"""Decodes JSON bytes from outside: the only place where such bytes meet a decoder.

Text is chosen by others. Half of a surrogate pair, as cutting an emoji leaves it, bytes that are not UTF-8 and NUL are
replaced by U+FFFD and cost nothing else; what then cannot be decoded is refused as `Undecodable`, whatever the decoder
raises.
"""

from __future__ import annotations

import json
import re
import sys
from math import isfinite
from typing import Protocol, TypeVar

import msgspec

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)

_LARGEST = sys.float_info.max
_REPLACEMENT = "\ufffd"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
#: What msgspec and json raise on foreign bytes. RecursionError is that of brackets without end.
_ERRORS = (msgspec.DecodeError, ValueError, RecursionError)


class Decoder(Protocol[A_co]):
    """Those of msgspec are such."""

    def decode(self, body: bytes | msgspec.Raw, /) -> A_co:
        """Returns what the bytes hold; raises one of `_ERRORS` where that is not of its type."""
        ...


class Undecodable(Exception):
    """Bytes that are not what their decoder expects; the text says where."""


def decode(decoder: Decoder[A], body: bytes | msgspec.Raw) -> A:
    """Returns what a decoder makes of bytes, or else of the same bytes with U+FFFD where text is broken.

    Raises:
        Undecodable: not JSON, or not of the decoder's type.
    """
    try:
        return decoder.decode(body)
    except _ERRORS:
        # Rare, so the second look at valid text of a wrong type does not matter.
        pass
    try:
        return decoder.decode(repaired(bytes(body)))
    except _ERRORS as error:
        raise Undecodable(str(error)) from error


def repaired(body: bytes) -> bytes:
    """Returns a JSON document with U+FFFD for each invalid byte, NUL and half of a surrogate pair.

    Other bare control characters stay. A number that no decoder can hold becomes the largest one that it can hold, so
    that at most the row that has it is refused.

    Raises:
        ValueError: not JSON.
        RecursionError: nested too deeply.
    """
    # Python's decoder joins the halves that belong together and lets a single one pass; msgspec refuses it.
    document = json.loads(
        body.decode("utf-8", "replace").replace("\0", _REPLACEMENT),
        strict=False,
        parse_int=_integer,
        parse_float=_float,
        parse_constant=lambda _: _LARGEST,
    )
    return replace_lone_surrogates(json.dumps(document, ensure_ascii=False)).encode()


def replace_lone_surrogates(text: str) -> str:
    """Returns text with U+FFFD for each half of a surrogate pair, which no file and no terminal can hold."""
    return _LONE_SURROGATE.sub(_REPLACEMENT, text)


def _integer(digits: str) -> float:
    return int(digits) if isfinite(float(digits)) else _LARGEST


def _float(digits: str) -> float:
    return min(max(float(digits), -_LARGEST), _LARGEST)
