"""Issues NextTokens: opaque, bound to what they continue, refused when forged, foreign or too old."""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from hashlib import sha256

from msgspec import Struct, structs

from scanner.simulator.world.clock import Clock

_BODY = struct.Struct(">IHI?")
_MAC_BYTES = 16
_PREFIX = b"\x00\x01\x00\x00\x01\xdd"  # So that tokens start with AAEAAAHd; real ones of SSM start with AAEAAd
_FILLING = 260  # Real tokens have several hundred characters


class Position(Struct, frozen=True):
    """Where a listing continues. `generation` is that of the rows; `turn` makes tokens of one offset differ."""

    offset: int = 0
    generation: int = 0
    turn: int = 0
    is_endless: bool = False


START = Position()


class Tokens:
    """Makes and reads tokens. A listing is identified by all that distinguishes it from others, its filters included.

    The same position has the same token at all times, so that chance treats its request alike in every run.
    """

    def __init__(self, seed: int, ttl_s: float | None, clock: Clock) -> None:
        self._secret = sha256(f"tokens:{seed}".encode()).digest()
        self._ttl_s = ttl_s
        self._clock = clock
        self._issued_at_s: dict[str, float] = {}

    def make(self, listing: str, position: Position) -> str:
        token = self._encoded(listing, _BODY.pack(*structs.astuple(position)))
        if self._ttl_s is not None:
            self._issued_at_s[token] = self._clock()
        return token

    def read(self, listing: str, token: str) -> Position | None:
        """Returns the position, or None where it is not a token of this listing or too old."""
        body = _body_of(token)
        if body is None or not hmac.compare_digest(self._encoded(listing, body), token):
            return None
        if self._ttl_s is not None and self._clock() - self._issued_at_s.get(token, 0.0) > self._ttl_s:
            return None
        return Position(*_BODY.unpack(body))

    def _encoded(self, listing: str, body: bytes) -> str:
        mac = hmac.digest(self._secret, listing.encode() + b"\x00" + body, "sha256")[:_MAC_BYTES]
        filling = (mac * (_FILLING // _MAC_BYTES + 1))[:_FILLING]
        return base64.b64encode(_PREFIX + body + mac + filling).decode()


def _body_of(token: str) -> bytes | None:
    try:
        raw = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return None
    body = raw[len(_PREFIX) : len(_PREFIX) + _BODY.size]
    return body if len(body) == _BODY.size else None
