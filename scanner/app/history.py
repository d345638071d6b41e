"""Looks up what committed scans hold of the targets and nodes that are about to be scanned."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial

from scanner.core.errors import ScanNotFound, StoreError
from scanner.core.interfaces import Clock
from scanner.core.model import PatchState, Target
from scanner.core.scan_request import patch_filters
from scanner.core.settings import Settings
from scanner.reports.lines import counted
from scanner.scan.choice import CarryAll, Choice, Choose, ReadWhole, always_read_whole
from scanner.scan.lean import DAY_MS, choose
from scanner.store.history import History, HistoryQuery
from scanner.store.node_index import TargetKey
from scanner.store.store import Store


async def target_sizes(store: Store) -> dict[TargetKey, int]:
    """Returns the patch rows of each target in the last committed scan; empty where there is none.

    Large targets are read first, because one that starts last would run alone at the end.
    """
    try:
        committed = await store.committed()
        if not committed:
            return {}
        targets = (await store.summary(committed[-1])).targets
    except (StoreError, ScanNotFound):
        # A damaged scan is named by `scans verify`; here it only costs the order.
        return {}
    # Only these: Arrow loads pandas, 40 MB, where a time with a time zone becomes an object of Python.
    account_ids, regions, rows = (targets.column(name).to_pylist() for name in ("account_id", "region", "patch_rows"))
    return dict(zip(zip(account_ids, regions, strict=True), rows, strict=True))


async def known_nodes(
    store: Store, settings: Settings, targets: Iterable[Target], now: Clock = time.time
) -> History | None:
    """Returns what committed scans hold of these targets, None in full mode, which looks at no other scan.

    Rows that were read from AWS longer ago than `full_scan_every_days` are read again, changed or not.
    """
    if settings.mode == "full":
        return None
    since = int(now() * 1000) - settings.full_scan_every_days * DAY_MS
    keys = {(target.account_id, target.region) for target in targets}
    return await store.history(HistoryQuery(keys, patch_filters(settings), since, is_lean=settings.mode == "lean"))


def choices(settings: Settings, past: History | None, now: Clock = time.time) -> Choose:
    """Returns what decides, node by node, whether it is read whole, refreshed or not read at all."""
    if past is None:
        return always_read_whole

    def delta(target: Target, state: PatchState) -> Choice:
        return CarryAll() if past.is_unchanged(target, state) else ReadWhole()

    def lean(target: Target, state: PatchState) -> Choice:
        reading = past.reading(target, state.instance_id)
        if reading is None:
            return ReadWhole()
        now_ms = int(now() * 1000)
        is_old = partial(past.has_installed, reading)
        return choose(reading, state, is_old, now=now_ms, every_days=settings.full_scan_every_days)

    return lean if settings.mode == "lean" else delta


def history_notes(settings: Settings, past: History | None) -> list[str]:
    """Returns what the user of a delta or lean scan should know."""
    if past is None:
        return []
    notes = [f"{settings.mode}: {sentence}" for sentence in past.damaged]
    if not past.targets or not past.is_empty:
        return notes
    days = counted(settings.full_scan_every_days, "day")
    # A worker, or a run that was resumed, speaks of its own targets only.
    targets = counted(past.targets, "target")
    first = f"no committed scan with the same patch filters holds nodes read in the last {days}"
    return [f"{settings.mode}: {first}, so every node of {targets} was read", *notes]
