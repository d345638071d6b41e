"""Decodes a row of a listing member by member, once it could not be decoded as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from scanner.aws.transport.decoding import Undecodable, decode

R = TypeVar("R")


class RowMembers(Struct, Generic[R], frozen=True):
    """A row without the members that are not of their type, and the names of those, as AWS writes them."""

    row: R
    names: Sequence[str]


class MemberDecoder(Generic[R]):
    """Decodes rows of one type, whose first member is the id that each row has to have."""

    def __init__(self, row: type[R]) -> None:
        self._make = row
        fields = msgspec.structs.fields(row)  # type: ignore[arg-type]  # a Struct
        self._id = fields[0].encode_name
        self._decoders: dict[str, tuple[str, msgspec.json.Decoder[Any]]] = {
            field.encode_name: (field.name, msgspec.json.Decoder(field.type, strict=False)) for field in fields
        }

    def decode(self, raw: msgspec.Raw) -> RowMembers[R]:
        """Returns the row with the members that can be decoded.

        Raises:
            Undecodable: it is no object, or its id cannot be decoded.
        """
        kept, odd = {}, []
        for encode_name, value in decode(_OBJECTS, raw).items():
            name, decoder = self._decoders.get(encode_name, ("", _ANYTHING))
            try:
                member = decode(decoder, value)
            except Undecodable:
                if encode_name == self._id:
                    raise
                odd.append(encode_name)
            else:
                if name:
                    kept[name] = member
        if self._decoders[self._id][0] not in kept:
            raise Undecodable(f"it has no {self._id}")
        return RowMembers(self._make(**kept), odd)


_OBJECTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANYTHING: msgspec.json.Decoder[object] = msgspec.json.Decoder()
