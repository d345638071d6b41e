"""`patchsweep scans show`: what a committed scan was asked for, how it ended, and what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from scanner.cli.choose_scan import chosen_scan
from scanner.core.comparable import comparable_part, filters_text, scope_text
from scanner.core.model import EpochMs, ScanRow
from scanner.core.scan_request import ScanRequest
from scanner.core.statistics import ScanStatistics
from scanner.reports.lines import counted, duration

if TYPE_CHECKING:
    from scanner.core.settings import Settings
    from scanner.store.store import Store


class ShownScan(Struct, frozen=True):
    """A committed scan; sizes are of its files in the store."""

    scan_id: str
    label: str | None
    demo: bool
    request: ScanRequest
    scan: ScanRow
    statistics: ScanStatistics | None
    segments: int
    bytes: int
    store: str


async def shown_scan(store: Store, *, settings: Settings, asked: str | None) -> ShownScan:
    """Returns the scan that is meant, without reading a row of it; raises `ScanNotFound` where there is none."""
    scan_id = await chosen_scan(store, settings, asked)
    header, manifest = await store.header(scan_id), await store.manifest(scan_id)
    return ShownScan(
        scan_id=scan_id,
        label=header.label,
        demo=header.demo,
        request=header.request,
        scan=manifest.scan,
        statistics=manifest.statistics,
        segments=len(manifest.segments),
        bytes=sum(file.bytes for file in manifest.files),
        store=store.url,
    )


def text_of(shown: ShownScan) -> list[str]:
    """Returns the scan as lines of a name and a value."""
    values = dict(_values(shown))
    width = max(map(len, values)) + 2
    return [f"{name:{width}}{value}" for name, value in values.items()]


def _values(shown: ShownScan) -> Iterator[tuple[str, str]]:
    row, part = shown.scan, comparable_part(shown.request, demo=shown.demo)
    yield "scan", shown.scan_id
    if shown.label is not None:
        yield "label", shown.label
    yield "status", row.status.value
    yield "started", _time(row.started_at)
    yield "took", duration((row.finished_at - row.started_at) / 1000)
    yield "scope", scope_text(part)
    yield "filters", filters_text(part) or "none"
    yield "mode", row.mode
    yield "targets", _counts(row.targets)
    yield "nodes", _counts(row.nodes)
    yield "patch rows", f"{row.patch_rows:,}"
    yield "requests", f"{row.requests:,}, {row.throttles:,} throttled"
    yield "sinks", ", ".join(shown.request.sinks) or "none"
    yield "files", f"{counted(shown.segments, 'segment')}, {shown.bytes / 1_000_000:,.1f} MB"
    yield "version", row.version
    yield "store", shown.store


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in counts.items() if count) or "none"


def _time(at: EpochMs) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
