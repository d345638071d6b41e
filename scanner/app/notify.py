"""Tells the destinations of the settings how a run ended."""

from __future__ import annotations

from collections.abc import Sequence

import anyio

from scanner.core.errors import NotificationError
from scanner.core.settings import Settings
from scanner.notify import otel
from scanner.notify.message import Message
from scanner.notify.send import send_to_all
from scanner.reports.metrics.values import Metric

OTEL = "otel"


async def run_notify(settings: Settings, message: Message | None, metrics: Sequence[Metric]) -> dict[str, str]:
    """Sends the message, if there is one, and the metrics; returns why it failed, for each that did not get them.

    Nothing that happens here changes the scan or its exit code.
    """
    failures: dict[str, str] = {}

    async def send() -> None:
        if message is not None:
            failures.update(await send_to_all(settings.notify, message))

    async def export() -> None:
        if OTEL not in settings.metrics.to:
            return
        try:
            await otel.export(metrics, settings.notify.timeout_s)
        except NotificationError as error:
            failures[OTEL] = str(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        tasks.start_soon(export)
    return failures
