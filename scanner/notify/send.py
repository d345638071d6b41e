"""Sends one message to every destination at once, each within its own deadline; a failure is a sentence, never more."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import anyio
from msgspec import structs

from scanner.aws.requests.retry import RetryPolicy, with_retries
from scanner.aws.sdk.session import Sessions
from scanner.core.errors import ConfigError, PatchsweepError, Unavailable
from scanner.core.safe_text import mask_foreign_text
from scanner.core.settings import LimitSettings, NotifySettings
from scanner.notify.aws import publish_to_topic, put_event
from scanner.notify.destination import Destination, by_label, parse_destination
from scanner.notify.http import post
from scanner.notify.message import Message
from scanner.notify.proxy import proxy_for
from scanner.notify.signature import signed_headers, webhook_key
from scanner.notify.slack import slack_body

Attempt = Callable[[], Awaitable[None]]
ATTEMPTS = 3


async def send_to_all(settings: NotifySettings, message: Message) -> dict[str, str]:
    """Returns why it failed, for each destination that did not get the message, by its label."""
    destinations = by_label(settings.to)
    failures: dict[str, str] = {}
    policy = structs.replace(RetryPolicy.from_limits(LimitSettings()), max_attempts=ATTEMPTS)

    async def send(label: str, destination: Destination) -> None:
        try:
            with anyio.fail_after(settings.timeout_s):
                await with_retries(_attempt(destination, message, settings), policy)
        except TimeoutError:
            failures[label] = f"no answer within {settings.timeout_s:g} s (notify.timeout_s){_by_proxy(destination)}"
        except Unavailable as error:
            failures[label] = mask_foreign_text(f"{error.__cause__} (tried {ATTEMPTS} times)")
        except PatchsweepError as error:
            failures[label] = mask_foreign_text(str(error))

    async with anyio.create_task_group() as tasks:
        for label, destination in destinations.items():
            tasks.start_soon(send, label, destination)
    return failures


def _attempt(destination: Destination, message: Message, settings: NotifySettings) -> Attempt:
    async def to_aws() -> None:
        sessions = Sessions(LimitSettings(connect_timeout_s=settings.timeout_s, read_timeout_s=settings.timeout_s))
        send = publish_to_topic if destination.kind == "sns" else put_event
        await send(sessions, destination, message)

    async def to_webhook() -> None:
        body = message.body()
        await post(destination.where, body, signed_headers(webhook_key(settings), message.key, int(time.time()), body))

    async def to_slack() -> None:
        await post(destination.where, slack_body(message.lines), {})

    return {"webhook": to_webhook, "slack": to_slack}.get(destination.kind, to_aws)


def _by_proxy(destination: Destination) -> str:
    proxy = proxy_for(destination.where) if destination.kind in ("webhook", "slack") else None
    return f"{proxy.way}{proxy.remedy}" if proxy else ""


def check_destinations(texts: Sequence[str]) -> list[str]:
    """Returns a sentence for each destination that cannot work."""
    problems = []
    for text in texts:
        try:
            parse_destination(text)
        except ConfigError as error:
            problems.append(str(error))
    return problems
