"""The narrow waist towards the network: one request out, the bytes of its answer back, two kinds of failure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, Protocol

from scanner.aws.operations import Operation

Payload = Mapping[str, object]
"""The members of an SSM request, as its API names them."""


MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""A page of 50 patches has about 12 kB; a larger answer than this is refused while it arrives."""


class ServiceError(Exception):
    """AWS answered with an error: its code, HTTP status and message, as they came."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class ConnectionFailure(Enum):
    """Why there was no answer."""

    NO_SUCH_HOST = auto()
    UNTRUSTED = auto()
    """The server's certificate is not one to trust."""
    PROXY = auto()
    CONNECTION = auto()
    """Refused, reset, torn or timed out."""


class NoResponse(Exception):
    """No answer came; `reason` says how that looked from here."""

    def __init__(self, silence: ConnectionFailure, reason: str) -> None:
        super().__init__(reason)
        self.silence = silence
        self.reason = reason


class Transport(Protocol):
    """Sends signed SSM requests to one target. Sends each once: no retries, no waiting for a turn."""

    async def send(self, operation: Operation, payload: Payload) -> bytes:
        """The body of a 2xx answer, undecoded.

        Raises:
            ServiceError: AWS answered with an error.
            NoAnswer: no answer came.
            AwsError: credentials to sign with are not to be had.
        """
        ...
