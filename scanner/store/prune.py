"""Removes old scans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from scanner.core.errors import ConfigError, StoreBusy
from scanner.core.interfaces import Files
from scanner.store.catalog import catalog
from scanner.store.hold import HasConditions, hold
from scanner.store.layout import ScanNames, started_at
from scanner.store.lease import DEFAULT_LEASE_S
from scanner.store.segment_reader import readable_manifest

_ABANDONED_AFTER = timedelta(days=7)


async def prune(files: Files, keep: int, has_conditions: HasConditions) -> list[str]:
    """Removes all but the newest `keep` committed scans that can be read, and unfinished ones that were given up.

    Those are older than all kept ones and were started a week before the newest. Each is locked first: a scan that
    another process is writing is left alone. A scan stops being committed before its first segment is deleted.
    Returns the ids removed.
    """
    if keep < 1:
        raise ConfigError(f"--keep {keep} would leave no scan: keep at least 1")
    lists = await catalog(files)
    kept = await _kept(files, lists.committed, keep)
    abandoned = [scan_id for scan_id in lists.unfinished if kept and _is_abandoned(scan_id, kept)]
    beyond = lists.committed[: len(lists.committed) - len(kept)]
    old = sorted([*beyond, *abandoned, *lists.leftovers])
    return await remove(files, old, has_conditions)


async def _kept(files: Files, committed: Sequence[str], keep: int) -> Sequence[str]:
    """Returns the newest scans, so many that `keep` of them can be read: a damaged one takes the place of none."""
    readable = 0
    for place in reversed(range(len(committed))):
        readable += await readable_manifest(files, committed[place]) is not None
        if readable == keep:
            return committed[place:]
    return committed


async def remove(files: Files, scan_ids: Sequence[str], has_conditions: HasConditions) -> list[str]:
    """Removes these scans, each locked first; returns those that no other process is writing, which are gone now."""
    return [scan_id for scan_id in scan_ids if await _is_removed(files, ScanNames(scan_id), has_conditions)]


def _is_abandoned(scan_id: str, kept: Sequence[str]) -> bool:
    return scan_id < kept[0] and started_at(kept[-1]) - started_at(scan_id) > _ABANDONED_AFTER


async def _is_removed(files: Files, names: ScanNames, has_conditions: HasConditions) -> bool:
    """Returns False if another process is writing the scan."""
    try:
        async with hold(files, names, DEFAULT_LEASE_S, has_conditions) as lease:
            await files.delete([names.manifest])
            await files.delete([names.header])
            await files.delete([name for name in await files.names(f"{names.folder}/") if name != names.lease])
            if lease is not None:
                await lease.drop()
    except StoreBusy:
        return False
    return True
