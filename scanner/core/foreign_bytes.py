"""Decodes bytes that come from outside the process. Whatever they hold, the outcome is a value or one error."""

from __future__ import annotations

from typing import TypeVar

import msgspec

_T = TypeVar("_T")


class ForeignBytesError(ValueError):
    """The bytes are not what was expected; the text says why."""


def decode_json(data: bytes, kind: type[_T]) -> _T:
    """Returns the JSON as a value of this type; members that the type does not have are ignored.

    Raises:
        ForeignBytesError: it is not JSON, nests too deeply, is not UTF-8, or does not fit the type.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    # Text that is not UTF-8 and brackets without an end are no DecodeError to msgspec.
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ForeignBytesError(str(error)) from error
