"""`patchsweep diff --format events`: JSON lines for tickets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from anyio import to_thread

from scanner.cli.json_document import SCHEMA_VERSION
from scanner.cli.output import print_data, print_note
from scanner.cli.queries import open_scans
from scanner.core.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from scanner.core.settings import Settings
    from scanner.store.store import Store


async def print_events(store: Store, settings: Settings, before: str, after: str) -> None:
    """Prints an object a line for each package that a node lacks since, no longer lacks, or lacks in another way.

    Raises:
        ConfigError: a version that carried no history wrote one of the scans.
        StoreError: a file of the scans is missing or damaged.
    """
    from scanner.reports.diff import Changes
    from scanner.reports.diff_events import EventScans, machines_of, open_events
    from scanner.reports.sql.render import json_rows

    ended = datetime.fromtimestamp((await store.manifest(after)).scan.finished_at / 1000, UTC)
    at = ended.strftime("%Y-%m-%dT%H:%M:%SZ")
    scans = EventScans(before, after, at, await _history(store, before), await _history(store, after))
    async with open_scans(store, [before, after], settings.views, ("nodes", "targets")) as views:
        machines = await machines_of(views, before, after)
    changes = Changes("event")
    async with open_events(scans, machines, settings.views) as batches:
        async for batch in batches:
            changes.count(batch)
            rows = await to_thread.run_sync(json_rows, batch)
            print_data("".join(f'{{"schema_version":{SCHEMA_VERSION},{row[1:]}\n' for row in rows))
    what = ", ".join(f"{changes.by_kind[kind]:,} {kind}" for kind in ("opened", "closed", "changed"))
    print_note(f"from {before} to {after}: {what}")


async def _history(store: Store, scan_id: str) -> Iterator[pa.Table]:
    from scanner.reports.history_codes import HISTORY_COLUMNS

    history = await store.node_history(scan_id, HISTORY_COLUMNS)
    if history is None:
        raise ConfigError(
            f"scan {scan_id} was written by a version that carried no history, so it tells no events; "
            "name two later scans, or use another --format"
        )
    return history
