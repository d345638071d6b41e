"""Decides which unfinished scan `--resume-or-start` continues, so that a scheduler has one command for every night."""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec import Struct, structs

from scanner.app.demo import demo_settings
from scanner.core.errors import StoreError
from scanner.core.model import EpochMs
from scanner.core.scan_request import LATEST_OR_NEW, ScanRequest, request_of
from scanner.core.settings import Settings
from scanner.store.manifest import ScanHeader
from scanner.store.store import Store

DAY_MS = 24 * 60 * 60 * 1000
NAMED_AT_MOST = 3  # unfinished scans that are left alone; a store may hold a year of them


class ResumeChoice(Struct, frozen=True):
    """`resume` is the unfinished scan to continue, or None to start one; `notes` name those that were left alone."""

    resume: str | None
    notes: Sequence[str] = ()


class _Wanted(Struct, frozen=True):
    """What an unfinished scan has to match."""

    request: ScanRequest
    demo: bool
    not_before: EpochMs


async def choose_scan(store: Store, settings: Settings, resume: str | None, *, demo: bool) -> ResumeChoice:
    """Turns `LATEST_OR_NEW` into the newest unfinished scan of the same request, or into a new scan.

    A scan is only continued if it was started within `full_scan_every_days`: older rows would not be worth keeping.
    Whether another process has it is found out when it is opened. Any other `resume` is returned as it is.

    Raises:
        StoreError: the store cannot be listed.
    """
    if resume != LATEST_OR_NEW:
        return ResumeChoice(resume)
    request = request_of(demo_settings(settings) if demo else settings)
    not_before = int(time.time() * 1000) - settings.full_scan_every_days * DAY_MS
    wanted = _Wanted(_rows_of(request), demo, not_before)
    notes: list[str] = []
    for scan_id in reversed(await store.unfinished()):
        obstacle = await _obstacle(store, scan_id, wanted)
        if obstacle is None:
            return ResumeChoice(scan_id, notes)
        if len(notes) < NAMED_AT_MOST:
            notes.append(f"the unfinished scan {scan_id} was not resumed: {obstacle}")
    return ResumeChoice(None, notes)


async def _obstacle(store: Store, scan_id: str, wanted: _Wanted) -> str | None:
    try:
        return difference(await store.header(scan_id), wanted)
    except StoreError as error:
        return str(error)


def difference(header: ScanHeader, wanted: _Wanted) -> str | None:
    """Returns why an unfinished scan cannot be continued for this request, or None."""
    then, now = _rows_of(header.request), wanted.request
    parts = [
        ("another mode", then.mode, now.mode),
        ("another scope", (then.scope, header.demo), (now.scope, wanted.demo)),
        ("other node filters", then.nodes, now.nodes),
        ("other patch filters", then.patches, now.patches),
        ("other sources of coverage", then.coverage or now.coverage, now.coverage),
    ]
    others = [name for name, before, after in parts if before != after]
    if others:
        return f"it was started with {' and '.join(others)}"
    if header.started_at < wanted.not_before:
        return "it was started longer ago than full_scan_every_days allows"
    return None


def _rows_of(request: ScanRequest) -> ScanRequest:
    """Returns the request without its sinks, which do not decide what is read."""
    return structs.replace(request, sinks=())
