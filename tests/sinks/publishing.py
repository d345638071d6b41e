"""A scan sent to a sink, as a run sends it."""

from __future__ import annotations

from scanner.core.interfaces import Sink
from scanner.sinks.testing.samples import SampleScan


async def publish(sink: Sink, scan: SampleScan) -> None:
    """Write, commit and close."""
    try:
        for batch in scan.batches:
            await sink.write(batch)
        await sink.commit(scan.summary)
    finally:
        await sink.aclose()
