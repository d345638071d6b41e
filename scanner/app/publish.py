"""`publish`: sends a committed scan to sinks again from the store."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import aclosing
from typing import BinaryIO

from msgspec import Struct

from scanner.core.concurrency import unwrap_single_error
from scanner.core.interfaces import NodeBatch, Observer, ScanSummary, Sink
from scanner.core.settings import Settings
from scanner.sinks.open import open_sinks
from scanner.sinks.publish import publish
from scanner.store.open import open_store
from scanner.store.store import Store


class PublishReport(Struct, frozen=True):
    """What was sent; `failures` holds the reason for each sink that failed, `note` what to know of the choice."""

    scan_id: str
    rows: int
    failures: dict[str, str]
    note: str | None = None


async def run_publish(settings: Settings, scan_id: str | None, *, stdout: BinaryIO) -> PublishReport:
    """Sends a committed scan (None: the newest) to the sinks of the settings.

    Raises:
        ScanNotFound: there is no such committed scan.
        StoreError: the scan cannot be read.
        ConfigError: a sink that cannot work.
    """
    async with open_store(settings) as store:
        chosen = await store.choose(scan_id, settings)
        scan_id = chosen.scan_id
        async with open_sinks(settings, scan_id, stdout) as sinks:
            summary = await store.summary(scan_id)
            failures = await replay(store, summary, sinks.all, settings.sink_timeout_s)
            return PublishReport(scan_id, summary.scan.patch_rows, failures, chosen.note)


async def replay(
    store: Store,
    summary: ScanSummary,
    sinks: dict[str, Sink],
    timeout_s: float,
    observers: Sequence[Observer] = (),
) -> dict[str, str]:
    """Sends a committed scan to sinks; returns the reason for each that failed."""
    if not sinks:
        return {}
    for observer in observers:
        observer.publishing([*sinks], summary.scan.patch_rows)
    with unwrap_single_error():
        async with (
            store.replaying(summary.scan.scan_id) as batches,
            aclosing(_observed(batches, observers)) as observed,
        ):
            failures = await publish(observed, summary, sinks, call_deadline_s=timeout_s)
    return {sink: str(error) for sink, error in failures.items()}


async def _observed(
    batches: AsyncIterable[NodeBatch], observers: Sequence[Observer]
) -> AsyncGenerator[NodeBatch, None]:
    """Yields the batches; one counts as published when the next is asked for."""
    async for batch in batches:
        yield batch
        for observer in observers:
            observer.rows_published(batch.patches.num_rows)
