"""Looks up what committed scans hold of the targets and nodes that are about to be scanned."""

from __future__ import annotations

import time
from collections.abc import Iterable

from scanner.core.errors import ScanNotFound, StoreError
from scanner.core.model import Target
from scanner.core.scan_request import patch_filters
from scanner.core.settings import Settings
from scanner.scan.choice import CarryAll, Choose, ReadWhole, always_read_whole
from scanner.store.history import History
from scanner.store.node_index import TargetKey
from scanner.store.store import Store

DAY_MS = 24 * 60 * 60 * 1000


async def target_sizes(store: Store) -> dict[TargetKey, int]:
    """Returns the patch rows of each target in the last committed scan; empty where there is none.

    Large targets are read first, because one that starts last would run alone at the end.
    """
    try:
        committed = await store.committed()
        last = (await store.summary(committed[-1])).targets.to_pydict() if committed else {}
    except (StoreError, ScanNotFound):
        # A damaged scan is named by `scans verify`; here it only costs the order.
        return {}
    keys = zip(last.get("account_id", ()), last.get("region", ()), strict=True)
    return dict(zip(keys, last.get("patch_rows", ()), strict=True))


async def known_nodes(store: Store, settings: Settings, targets: Iterable[Target]) -> History | None:
    """Returns what committed scans hold of these targets in delta mode, None in full mode.

    Rows that were read from AWS longer ago than `full_scan_every_days` are read again, changed or not.
    """
    if settings.mode != "delta":
        return None
    since = int(time.time() * 1000) - settings.full_scan_every_days * DAY_MS
    keys = {(target.account_id, target.region) for target in targets}
    return await store.history(keys, patch_filters(settings), since)


def choices(past: History | None) -> Choose:
    """Returns what decides, node by node, whether it is read whole, refreshed or not read at all."""
    if past is None:
        return always_read_whole
    return lambda target, state: CarryAll() if past.is_unchanged(target, state) else ReadWhole()


def history_notes(past: History | None) -> list[str]:
    """Returns what the user of a delta scan should know."""
    if past is None:
        return []
    first = ["delta: no committed scan with the same patch filters to compare with, so every node was read"]
    return (first if past.is_empty else []) + [f"delta: {sentence}" for sentence in past.damaged]
