"""A scan that is over, sent to its sinks from where it is stored."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping

from scanner.core.errors import SinkError
from scanner.core.interfaces import NodeBatch, ScanSummary, Sink
from scanner.sinks.fan_out import CALL_DEADLINE_S, GuardedSinks
from scanner.sinks.feed import feed


async def publish(
    batches: AsyncIterable[NodeBatch],
    summary: ScanSummary,
    sinks: Mapping[str, Sink],
    *,
    call_deadline_s: float = CALL_DEADLINE_S,
) -> dict[str, SinkError]:
    """Sends every batch to all sinks at once, commits and closes them; the failures come back by the name of the sink.

    Batches are read once and as fast as the slowest sink takes them, and no further when no sink is left; see `feed`.
    The caller closes `batches`, and may see what they raise.
    """
    guarded = GuardedSinks(sinks, call_deadline_s=call_deadline_s)
    try:
        await feed(batches, guarded)
        await guarded.commit(summary)
    finally:
        await guarded.aclose()
    return guarded.failures
