"""A scan sent to a sink, as a run sends it."""

from __future__ import annotations

import pyarrow as pa
from msgspec import structs

from scanner.core.interfaces import NodeBatch, Sink
from scanner.core.repeated import coded_type
from scanner.sinks.testing.samples import SampleScan


async def publish(sink: Sink, scan: SampleScan) -> None:
    """Write, commit and close."""
    try:
        for batch in scan.batches:
            await sink.write(batch)
        await sink.commit(scan.summary)
    finally:
        await sink.aclose()


def as_stored(batch: NodeBatch) -> NodeBatch:
    """The batch as it comes from the store: the texts of patches as dictionaries."""
    fields = [field.with_type(coded_type(field.type)) for field in batch.patches.schema]
    return structs.replace(batch, patches=batch.patches.cast(pa.schema(fields)))
