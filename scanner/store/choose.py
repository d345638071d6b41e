"""Chooses the committed scan that `latest` means: the newest of the scope and filters that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from msgspec import Struct

from scanner.core.comparable import ComparablePart, comparable_part, filters_text, in_demo, scope_text
from scanner.core.concurrency import map_bounded
from scanner.core.errors import ScanNotFound, StoreError
from scanner.core.interfaces import Files
from scanner.store.catalog import Catalog, catalog, pick_committed
from scanner.store.layout import ScanNames, started_at
from scanner.store.manifest import ScanHeader
from scanner.store.segment_reader import FILES_AT_ONCE, load, readable_manifest

#: A wider scan that is older than this is no longer of interest.
_BESIDE = timedelta(days=7)
_LOOKED_AT = 20  # scans beside the newest whose size is looked up; a store may hold one an hour


class ChosenScan(Struct, frozen=True):
    """A committed scan, and what the user should know of the choice."""

    scan_id: str
    note: str | None = None


async def choose(files: Files, asked: str | None, wanted: ComparablePart | None) -> ChosenScan:
    """Returns the committed scan that an id, `latest` or None (also the latest) means.

    Args:
        files: the store.
        asked: an id, or the latest.
        wanted: of which scope and filters the latest has to be; None: of any. A wider scan of the last days that
            stands beside it is then named in the note. Where no scan of AWS has them, one of the
            demonstration is taken.

    Raises:
        ScanNotFound: there is none; the text says what there is.
    """
    lists = await catalog(files)
    newest = pick_committed(lists, asked, files.url)
    if asked not in (None, "latest"):
        return ChosenScan(newest)
    if wanted is None:
        return ChosenScan(newest, await _note_of_wider(files, newest, lists))
    found = await of_scope(files, lists.committed, wanted, 1)
    if not found:
        asked_for = "; ".join(filter(None, (scope_text(wanted), filters_text(wanted))))
        raise ScanNotFound(
            f"no committed scan in {files.url} was made with the scope and filters asked for ({asked_for}): "
            f"name a scan, such as the newest, {newest}, or see what there is with `patchsweep scans`"
        )
    return ChosenScan(found[0])


async def of_scope(files: Files, scan_ids: Sequence[str], wanted: ComparablePart, most: int) -> list[str]:
    """Returns the newest of these committed scans with this scope and filters; of the demonstration where AWS has none.

    At most so many, and the newest last, as they are given.
    """
    of_aws = await comparable(files, scan_ids, wanted, most)
    return of_aws or await comparable(files, scan_ids, in_demo(wanted), most)


async def comparable(files: Files, scan_ids: Sequence[str], wanted: ComparablePart, most: int) -> list[str]:
    """Returns the newest of these committed scans with this scope and filters, at most so many; newest last.

    Headers are read from the newest backwards, and no further than is needed.
    """
    found: list[str] = []
    for start in range(len(scan_ids), 0, -FILES_AT_ONCE):
        some = scan_ids[max(start - FILES_AT_ONCE, 0) : start]
        parts = await map_bounded(partial(part_of, files), some, FILES_AT_ONCE)
        alike = [scan_id for scan_id, part in zip(some, parts, strict=True) if part == wanted]
        found = [*alike, *found][-most:]
        if len(found) == most:
            break
    return found


async def part_of(files: Files, scan_id: str) -> ComparablePart | None:
    """Returns the scope and filters of a scan, or None where its header cannot be read."""
    try:
        header = await load(files, ScanNames(scan_id).header, ScanHeader)
    except (StoreError, ScanNotFound):
        return None
    return comparable_part(header.request, demo=header.demo)


async def _note_of_wider(files: Files, newest: str, lists: Catalog) -> str | None:
    """Returns a line where a scan of the last days covers more than the newest, and is of another scope or filters."""
    earlier = [each for each in lists.committed if each < newest]
    beside = [each for each in earlier if started_at(newest) - started_at(each) <= _BESIDE][-_LOOKED_AT:]
    if not beside:
        return None
    parts = await map_bounded(partial(part_of, files), [*beside, newest], FILES_AT_ONCE)
    others = [scan_id for scan_id, part in zip(beside, parts[:-1], strict=True) if part not in (None, parts[-1])]
    if not others:
        return None
    manifests = await map_bounded(partial(readable_manifest, files), [newest, *others], FILES_AT_ONCE)
    size, *sizes = [0 if each is None else sum(each.scan.nodes.values()) for each in manifests]
    wider = max(zip(sizes, others, strict=True))
    if wider[0] <= size:
        return None
    day = datetime.fromtimestamp(started_at(wider[1]).timestamp(), UTC).date()
    return (
        f"the newest scan, {newest}, has {size:,} nodes; "
        f"scan {wider[1]} of {day}, of another scope or filters, has {wider[0]:,}"
    )
