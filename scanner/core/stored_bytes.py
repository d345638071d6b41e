"""A file of a store or sink as it was read."""

from __future__ import annotations

from msgspec import Struct


class StoredBytes(Struct, frozen=True):
    """A file as it was read.

    `version` is another after every write. `age_s` is how long ago it was written, by the clock of the place where
    it lies, so that the clocks of two machines are never compared.
    """

    data: bytes
    version: str
    age_s: float
