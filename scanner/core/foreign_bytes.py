"""Decodes bytes that come from outside the process. Whatever they hold, the outcome is a value or one error."""

from __future__ import annotations

from threading import Lock
from typing import TypeVar

import msgspec

_T = TypeVar("_T")
_prepared: set[object] = set()
_preparing = Lock()


class ForeignBytesError(ValueError):
    """The bytes are not what was expected; the text says why."""


def decode_json(data: bytes, kind: type[_T]) -> _T:
    """Returns the JSON as a value of this type; members that the type does not have are ignored.

    Raises:
        ForeignBytesError: it is not JSON, nests too deeply, is not UTF-8, or does not fit the type.
    """
    if kind not in _prepared:
        _prepare(kind)
    try:
        return msgspec.json.decode(data, type=kind)
    # Text that is not UTF-8 and brackets without an end are no DecodeError to msgspec.
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ForeignBytesError(str(error)) from error


def _prepare(kind: object) -> None:
    """Has msgspec look at a type before it decodes into it.

    It does so at the first use. A second thread that decodes into the type meanwhile reads what is not there yet, which
    ends the process (msgspec 0.22: SIGSEGV, once in some thousand runs on a busy machine).
    """
    with _preparing:
        msgspec.json.Decoder(kind)
        _prepared.add(kind)
