"""Lists which scans a store holds: the committed, the unfinished, and what interrupted removals left."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from scanner.core.errors import ScanNotFound, StoreError
from scanner.core.interfaces import Files
from scanner.store.json_files import from_json
from scanner.store.layout import SCANS, ScanNames, is_scan_id
from scanner.store.manifest import ScanHeader


class Catalog(Struct, frozen=True):
    """The scan ids of a store, each list oldest first.

    `unfinished` scans were begun and not committed: they are being written now, or were interrupted. `leftovers` have
    neither header nor manifest: a removal was interrupted.
    """

    committed: list[str]
    unfinished: list[str]
    leftovers: list[str]


async def catalog(files: Files) -> Catalog:
    """Lists the store once."""
    found: dict[str, set[str]] = {}
    for name in await files.names(SCANS):
        scan_id, _, rest = name.removeprefix(SCANS).partition("/")
        if is_scan_id(scan_id):
            found.setdefault(scan_id, set()).add(rest)
    lists = Catalog([], [], [])
    for scan_id, held in sorted(found.items()):
        if "manifest.json" in held:
            lists.committed.append(scan_id)
        elif "scan.json" in held:
            lists.unfinished.append(scan_id)
        else:
            lists.leftovers.append(scan_id)
    return lists


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
