"""Sends the requests of one target through the request pipeline, and explains what refuses the target as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from scanner.aws.credentials.role_session import RoleCredentials
from scanner.aws.operations import Operation
from scanner.aws.requests.pagination import Page
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.scope.regions import AccountRegions
from scanner.aws.transport import wire
from scanner.aws.transport.interface import Payload, Transport
from scanner.core.errors import TokenRefused, Transient
from scanner.core.model import CallCounts, Target

A = TypeVar("A")
R = TypeVar("R")


class TargetRequests:
    """The requests of one target; `counts` is what was sent so far."""

    def __init__(
        self,
        target: Target,
        transport: Transport,
        regions: AccountRegions,
        pipeline: RequestPipeline,
        role: RoleCredentials | None,
        counts: CallCounts | None = None,
    ) -> None:
        self.target = target
        self.counts = CallCounts() if counts is None else counts
        self._transport = transport
        self._regions = regions
        self._pipeline = pipeline
        self._role = role

    async def ask(
        self,
        operation: Operation,
        payload: Payload,
        decode: Callable[[bytes], A],
        *,
        is_about: Callable[[A], bool] = lambda _: True,
    ) -> A:
        """Sends one request and returns its decoded answer; one that is not about what was asked for counts as torn.

        Raises:
            AwsError: what the error table says, where a token is refused by what the account's list of Regions says.
        """

        async def attempt() -> A:
            body = await self._transport.send(operation, payload)
            answer = wire.decode_answer(decode, body, operation, self.target)
            if not is_about(answer):
                raise Transient(
                    f"{operation} in account {self.target.account_id}, Region {self.target.region}, failed: the answer "
                    "is about nodes that were not asked for"
                )
            return answer

        try:
            return await self._pipeline.call(operation, self.target, attempt, counts=self.counts, keys=self._role)
        except TokenRefused as refusal:
            raise await self._regions.explain(refusal, self.target) from refusal

    async def page(
        self,
        operation: Operation,
        payload: Payload,
        listing: wire.Listing[R],
        *,
        is_about: Callable[[wire.Rows[R]], bool] = lambda _: True,
    ) -> Page[wire.Rows[R]]:
        """Returns one page of a listing, with one item that holds its rows, or with none if it is empty.

        A row that cannot be decoded may be a passing fault, so the page is read once more; then the row is set apart,
        so that it costs no other.
        """
        decode = listing.decode

        def decode_in_turn(body: bytes) -> wire.Rows[R]:
            nonlocal decode
            decode_now, decode = decode, listing.decode_by_row
            return decode_now(body)

        rows = await self.ask(operation, payload, decode_in_turn, is_about=is_about)
        return Page([rows] if rows.rows or rows.undecodable or rows.odd else [], rows.next_token)
