"""Reads the mean time to patch from the manifests of the scans of one scope."""

from __future__ import annotations

from msgspec import Struct

from scanner.core.concurrency import map_bounded
from scanner.core.errors import ScanNotFound, StoreError
from scanner.core.model import EpochMs
from scanner.core.statistics import ScanStatistics
from scanner.reports.time_to_patch import TimeToPatch, time_to_patch
from scanner.store.store import Store

_AT_ONCE = 16
_DAY_MS = 24 * 60 * 60 * 1000


class PatchTimes(Struct, frozen=True):
    """The mean time to patch over the scans of one scope that ended within `days` before the last of them.

    `left_out` names scans without figures: an earlier version wrote them, or their manifest cannot be read.
    """

    scan_id: str
    days: int
    since: EpochMs
    scans: int
    left_out: list[str]
    severities: list[TimeToPatch]


async def read_patch_times(store: Store, scan_id: str, days: int) -> PatchTimes:
    """Returns how long packages were lacking that a scan, or one of its scope and filters before it, saw patched.

    Raises:
        StoreError: the manifest of the scan itself cannot be read.
    """
    ended = (await store.manifest(scan_id)).scan.finished_at
    since = ended - days * _DAY_MS
    scopes = await store.scopes([each for each in await store.committed() if each <= scan_id])
    alike = [each for each, scope in scopes.items() if scope is not None and scope == scopes[scan_id]]
    left_out: list[str] = []
    found: list[ScanStatistics] = []

    async def read(each: str) -> None:
        try:
            manifest = await store.manifest(each)
        except (StoreError, ScanNotFound):
            left_out.append(each)
            return
        if manifest.scan.finished_at < since:
            return
        if manifest.statistics is None:
            left_out.append(each)
        else:
            found.append(manifest.statistics)

    await map_bounded(read, alike, _AT_ONCE)
    return PatchTimes(scan_id, days, since, len(found), sorted(left_out), time_to_patch(found))
