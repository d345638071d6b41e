"""SSM requests without the SDK's request pipeline: serialised, signed and sent here, a twelfth of the CPU."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from json.encoder import encode_basestring_ascii

import msgspec
from botocore.credentials import ReadOnlyCredentials
from msgspec import Struct

from scanner.aws.operations import Operation
from scanner.aws.transport.connection_pool import Connections
from scanner.aws.transport.interface import Payload, ServiceError
from scanner.aws.transport.sigv4 import Signer, host_of

_CONTENT_TYPE = "application/x-amz-json-1.1"
_TARGET_PREFIX = "AmazonSSM"
_SUCCESS = range(200, 300)

Now = Callable[[], float]


class Endpoint(Struct, frozen=True):
    """Where a Region's SSM is, and what a signature for it names; the SDK resolves it."""

    url: str
    region: str
    signing_name: str


class _Error(Struct):
    """An error in AWS JSON 1.1; `__type` may bear a name space before `#` and an address behind `:`."""

    type: str = msgspec.field(default="", name="__type")
    message: str | None = None
    Message: str | None = None


_errors = msgspec.json.Decoder(_Error)


class DirectTransport:
    """Implements `Transport` for one target over shared connections.

    `keys` is asked before every request, since it renews them.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        keys: Callable[[], Awaitable[ReadOnlyCredentials]],
        connections: Connections,
        *,
        user_agent: str,
        now: Now = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._keys = keys
        self._connections = connections
        self._now = now
        self._signer: Signer | None = None
        self._signs_with: ReadOnlyCredentials | None = None
        self._head = (
            f"POST / HTTP/1.1\r\nHost: {host_of(endpoint.url)}\r\nUser-Agent: {user_agent}\r\n"
            f"Content-Type: {_CONTENT_TYPE}\r\n"
        )

    async def send(self, operation: Operation, payload: Payload) -> bytes:
        keys = await self._keys()
        target = f"{_TARGET_PREFIX}.{operation.name}"
        body = serialised(payload)
        signed = self._signer_for(keys).sign(target, body, self._now())
        head = f"{self._head}X-Amz-Target: {target}\r\n{signed}Content-Length: {len(body)}\r\n\r\n"
        request = head.encode() + body
        status, answer = await self._connections.post(self._endpoint.url, request)
        if status in _SUCCESS:
            return answer
        raise _failure(status, answer)

    def _signer_for(self, keys: ReadOnlyCredentials) -> Signer:
        if self._signer is None or self._signs_with != keys:
            self._signs_with = keys
            self._signer = Signer(
                keys.access_key or "",
                keys.secret_key or "",
                keys.token,
                region=self._endpoint.region,
                service=self._endpoint.signing_name,
                url=self._endpoint.url,
                content_type=_CONTENT_TYPE,
            )
        return self._signer


def serialised(payload: Payload) -> bytes:
    """The body as botocore writes it, which is `json.dumps`; that sets up an encoder for every call."""
    members = [f"{encode_basestring_ascii(name)}: {_serialised(value)}" for name, value in payload.items()]
    return f"{{{', '.join(members)}}}".encode()


def _serialised(value: object) -> str:
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    return str(value) if value.__class__ is int else json.dumps(value)


def _failure(status: int, body: bytes) -> ServiceError:
    """What botocore makes of an error answer: the code is the status where there is no `__type`."""
    try:
        error = _errors.decode(body) if body else _Error()
    except msgspec.DecodeError:
        error = _Error()
    code = error.type.split(":", 1)[0].rsplit("#", 1)[-1] or str(status)
    message = error.Message if error.message is None else error.message
    return ServiceError(code, message or "", status)
