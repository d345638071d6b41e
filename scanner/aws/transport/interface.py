"""The interface towards the network: one request out, the bytes of its answer back, two kinds of failure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, Protocol

from scanner.aws.operations import Operation

#: The members of an SSM request, as its API names them.
Payload = Mapping[str, object]

#: A page of 50 patches has about 12 kB; a larger answer than this is refused while it arrives.
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024


class ServiceError(Exception):
    """AWS answered with an error: its code, HTTP status and message, as they came."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class ConnectionFailure(Enum):
    """Why there was no answer of AWS."""

    NO_SUCH_HOST = auto()
    UNTRUSTED = auto()  # no certificate of the server is trusted for its name
    PROXY = auto()
    NOT_AWS = auto()  # something else answered: a redirect, a sign-in page, a firewall
    CONNECTION = auto()  # refused, reset, torn or timed out


class NoResponse(Exception):
    """No answer of AWS came; `kind` says what to do about it and `reason` how it looked from here."""

    def __init__(self, kind: ConnectionFailure, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


class Transport(Protocol):
    """Sends signed SSM requests to one target. Sends each once: retries and limits are the request pipeline's."""

    async def send(self, operation: Operation, payload: Payload) -> bytes:
        """Returns the body of a 2xx answer, undecoded.

        Raises:
            ServiceError: AWS answered with an error.
            NoResponse: no answer of AWS came.
            AwsError: there are no credentials to sign with.
        """
        ...
