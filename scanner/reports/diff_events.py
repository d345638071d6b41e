"""What happened to lacking packages between two scans, as events for tickets: opened, closed, changed.

They come from the histories that the two scans carry, so a node that the later one could not read closes nothing, and
one that the earlier one could not read is compared with its last reading before.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from functools import partial

import pyarrow as pa
from anyio import to_thread
from msgspec import Struct

from scanner.core.model import NodeStatus, TargetStatus
from scanner.core.scan_files import ScanFiles
from scanner.core.settings import ViewSettings
from scanner.reports.diff_events_sql import EVENTS, MACHINES
from scanner.reports.history_codes import CODED_HISTORY, HistoryCodes
from scanner.reports.sql.query import Views, open_views
from scanner.reports.statuses import WITH_ROWS, values

#: Machines that are compared at once: the 36,000 events of 2,000 that differ in 18 packages each are 40 MB.
MACHINES_AT_ONCE = 2_000


class EventScans(Struct, frozen=True):
    """Two scans of one scope, the earlier first, and the histories they carry: `HISTORY_COLUMNS`, some rows at a time.

    `at` is when the later one ended.
    """

    before: str
    after: str
    at: str
    earlier: Iterator[pa.Table]
    later: Iterator[pa.Table]


async def machines_of(views: Views, before: str, after: str) -> pa.Table:
    """Returns the machines of two open scans as `MACHINES` has them, numbered as `node`."""
    given: dict[str, str | list[str]] = {
        "before": before,
        "after": after,
        "gone": NodeStatus.GONE.value,
        "with_rows": values(WITH_ROWS),
        "scanned": TargetStatus.SCANNED.value,
    }
    machines = (await views.fetch(MACHINES, given)).combine_chunks()
    return machines.append_column("node", pa.array(range(len(machines)), pa.int32()))


@asynccontextmanager
async def open_events(
    scans: EventScans, machines: pa.Table, limits: ViewSettings | None = None, machines_at_once: int = MACHINES_AT_ONCE
) -> AsyncIterator[AsyncGenerator[pa.RecordBatch, None]]:
    """Yields the events by machine and KB id, as batches that can be read while the block runs.

    Args:
        scans: what is compared.
        machines: what `machines_of` returns.
        limits: the memory and the spill folder for the rows of the histories.
        machines_at_once: how many machines' events are in memory.

    Raises:
        StoreError: a history is damaged.
        ConfigError: the rows fit neither into the memory nor into the spill folder.
    """
    codes = HistoryCodes(machines)
    # A database of its own, as `open_changes` has one.
    async with open_views(ScanFiles(tables=()), limits) as tables:
        await tables.append_rows("history", CODED_HISTORY.empty_table())
        await _append(tables, codes, scans.earlier, is_after=False)
        await _append(tables, codes, scans.later, is_after=True)
        await tables.add_tables({"machines": machines, "patches": codes.patches()})
        async with aclosing(_events(tables, scans, len(machines), machines_at_once)) as batches:
            yield batches


async def _append(tables: Views, codes: HistoryCodes, history: Iterator[pa.Table], *, is_after: bool) -> None:
    while (rows := await to_thread.run_sync(partial(next, history, None))) is not None:
        await tables.append_rows("history", await to_thread.run_sync(partial(codes.encode, rows, is_after=is_after)))


async def _events(
    tables: Views, scans: EventScans, machines: int, machines_at_once: int
) -> AsyncGenerator[pa.RecordBatch, None]:
    given = {"at": scans.at, "before": scans.before, "after": scans.after}
    for first in range(0, machines, machines_at_once):
        some = {"first": first, "last": first + machines_at_once - 1}
        async with tables.run(EVENTS, {**given, **some}) as rows:
            async for batch in rows:
                yield batch
