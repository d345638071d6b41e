"""The shape of one request to AWS in a target, which every source of this room is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from scanner.aws.operations import Operation
from scanner.aws.requests.pagination import PagingRules
from scanner.aws.transport.interface import Payload

A = TypeVar("A")

RULES = PagingRules(max_pages=20_000, max_restarts=3)


class Ask(Protocol):
    """Sends one request of a target through the request pipeline and decodes the answer."""

    async def __call__(self, operation: Operation, payload: Payload, decode: Callable[[bytes], A]) -> A:
        """Returns the decoded answer.

        Raises:
            AwsError: what AWS refused, or could not be read after the attempts that the settings allow.
        """
        ...


def with_token(payload: Payload, token: str | None, member: str = "NextToken") -> Payload:
    """Returns the payload with the token of the next page; without one the member is left out, as AWS wants it."""
    return {**payload, member: token} if token else payload
