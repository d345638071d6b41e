"""Lists which scans a store holds: the committed, the unfinished, and what interrupted removals left."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

from msgspec import Struct

from scanner.core.concurrency import map_bounded
from scanner.core.errors import ScanNotFound, StoreError
from scanner.core.interfaces import Files
from scanner.store.json_files import from_json
from scanner.store.layout import SCANS, ScanNames, is_scan_id
from scanner.store.manifest import ScanHeader

_LOOKUPS_AT_ONCE = 16  # requests for a byte each; on S3 they only wait


class Catalog(Struct, frozen=True):
    """The scan ids of a store, each list oldest first.

    `unfinished` scans were begun and not committed: they are being written now, or were interrupted. `leftovers` have
    neither header nor manifest: a removal was interrupted.
    """

    committed: list[str]
    unfinished: list[str]
    leftovers: list[str]


async def catalog(files: Files) -> Catalog:
    """Lists the scans once, not their files, and looks for a manifest in each.

    A store on S3 with 90 scans of 1,000 files takes 1 call and 90 of one byte, where listing all files took 90 pages.
    """
    scan_ids = [name for name in await files.folders(SCANS) if is_scan_id(name)]
    kinds = await map_bounded(partial(_kind, files), scan_ids, _LOOKUPS_AT_ONCE)
    lists = Catalog([], [], [])
    by_file = {"manifest": lists.committed, "header": lists.unfinished, "none": lists.leftovers}
    for scan_id, kind in zip(scan_ids, kinds, strict=True):
        by_file[kind].append(scan_id)
    return lists


async def _kind(files: Files, scan_id: str) -> Literal["manifest", "header", "none"]:
    names = ScanNames(scan_id)
    if await _is_there(files, names.manifest):
        return "manifest"
    return "header" if await _is_there(files, names.header) else "none"


async def _is_there(files: Files, name: str) -> bool:
    return await files.get_range(name, 0, 1) is not None


def pick_committed(lists: Catalog, asked: str | None, url: str) -> str:
    """Returns the committed scan that `latest`, None (also the latest) or an id means, or raises `ScanNotFound`."""
    if asked in lists.unfinished:
        raise ScanNotFound(
            f"the scan {asked} in {url} is not committed: finish it with `patchsweep scan --resume {asked}`"
        )
    return _pick(lists.committed, None if asked == "latest" else asked, f"committed scan in {url}")


def pick_unfinished(lists: Catalog, asked: str | None, url: str) -> str:
    """Returns the unfinished scan to resume, the newest if None is asked for, or raises `ScanNotFound`."""
    if asked in lists.committed:
        raise ScanNotFound(f"the scan {asked} in {url} is committed already: there is nothing to resume")
    return _pick(lists.unfinished, asked, f"unfinished scan in {url}")


def _pick(ids: Sequence[str], asked: str | None, what: str) -> str:
    if asked is None and ids:
        return ids[-1]
    if asked in ids:
        return str(asked)
    if not ids:
        raise ScanNotFound(f"there is no {what}: run `patchsweep scan` first")
    raise ScanNotFound(f"no {what} has the id {asked}: there is {', '.join(reversed(ids))}")


async def header_problems(files: Files, names: ScanNames) -> list[str]:
    """Returns a sentence if the header of a scan is there and damaged; a committed scan can do without it."""
    data = await files.get(names.header)
    try:
        if data is not None:
            from_json(data, ScanHeader, f"{files.url}/{names.header}")
    except StoreError as error:
        return [str(error)]
    return []
