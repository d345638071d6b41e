"""Reads EC2 DescribeInstances page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

from scanner.aws.machines.ask import Ask, with_token
from scanner.aws.machines.instances import decode_instances
from scanner.aws.machines.odd_members import OnOdd, ignore_odd
from scanner.aws.operations import DESCRIBE_INSTANCES
from scanner.aws.requests.pagination import Page, PagingRules, pages
from scanner.core.instances import INSTANCES_A_PAGE, Instance


async def instance_pages(
    ask: Ask, rules: PagingRules, name: str, on_odd: OnOdd = ignore_odd
) -> AsyncIterator[Sequence[Instance]]:
    """Yields the EC2 instances of a target, those that a service of AWS manages too.

    Args:
        ask: sends the requests to EC2 in the target.
        rules: when the listing counts as endless.
        name: the target, for messages.
        on_odd: takes note of a member that cannot be read.

    Raises:
        AwsError: the caller may not ask, or the listing cannot be read to its end.
    """

    async def fetch(token: str | None) -> Page[Instance]:
        payload = with_token({"MaxResults": INSTANCES_A_PAGE}, token)
        return await ask(DESCRIBE_INSTANCES, payload, partial(decode_instances, on_odd=on_odd))

    async for page in pages(fetch, rules, f"The EC2 instances of {name}"):
        yield page
