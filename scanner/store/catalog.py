"""Which scans a store holds: the committed, the unfinished, and what old scans left behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct

from scanner.core.errors import ConfigError, ScanNotFound, StoreError
from scanner.core.interfaces import Files
from scanner.store.json_files import from_json, to_json
from scanner.store.layout import LATEST, SCANS, ScanNames, begun_at, is_scan_id
from scanner.store.manifest import Latest, ScanHeader

_ABANDONED_AFTER = timedelta(days=7)


class Catalog(Struct, frozen=True):
    """The scan ids of a store, each list oldest first."""

    committed: list[str]
    unfinished: list[str]
    """Opened and not committed: under way now, or killed."""
    debris: list[str]
    """What an interrupted removal left: no scan any more."""


async def catalog(files: Files) -> Catalog:
    """List the store once."""
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
            lists.debris.append(scan_id)
    return lists


def pick_committed(lists: Catalog, asked: str | None, url: str) -> str:
    """The committed scan that `latest`, None (also the latest) or an id means, or raises `ScanNotFound`."""
    if asked in lists.unfinished:
        raise ScanNotFound(
            f"the scan {asked} in {url} is not committed: finish it with `patchsweep scan --resume {asked}`"
        )
    return _pick(lists.committed, None if asked == "latest" else asked, f"committed scan in {url}")


def pick_unfinished(lists: Catalog, asked: str | None, url: str) -> str:
    """The unfinished scan to resume, the newest if None is asked for, or raises `ScanNotFound`."""
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


async def point_to_latest(files: Files) -> None:
    """Make `latest.json` name the newest committed scan."""
    committed = (await catalog(files)).committed
    if committed:
        await files.put(LATEST, to_json(Latest(committed[-1], ScanNames(committed[-1]).manifest)))


async def header_problems(files: Files, names: ScanNames) -> list[str]:
    """A sentence if the header of a scan is there and damaged; a committed scan can do without it."""
    data = await files.get(names.header)
    try:
        if data is not None:
            from_json(data, ScanHeader, f"{files.url}/{names.header}")
    except StoreError as error:
        return [str(error)]
    return []


async def latest_problems(files: Files) -> list[str]:
    """A sentence if `latest.json` is damaged, or names another scan than the newest committed one."""
    newest, data = (await catalog(files)).committed[-1:], await files.get(LATEST)
    place = f"{files.url}/{LATEST}"
    try:
        named = [from_json(data, Latest, place).scan_id] if data is not None else []
    except StoreError as error:
        return [str(error)]
    if named == newest:
        return []
    return [f"{place} names {_list(named)}, the newest committed scan is {_list(newest)}: the next scan puts it right"]


def _list(scan_ids: Sequence[str]) -> str:
    return ", ".join(scan_ids) or "none"


async def prune(files: Files, keep: int) -> list[str]:
    """Remove all but the newest `keep` committed scans, and unfinished ones that nobody will resume any more.

    Those are older than all kept ones and begun a week before the newest: a scan under way is never among them.
    Returns the ids removed. A scan stops being committed before its first segment goes.
    """
    if keep < 1:
        raise ConfigError(f"--keep {keep} would leave no scan: keep at least 1")
    lists = await catalog(files)
    kept = lists.committed[-keep:]
    abandoned = [scan_id for scan_id in lists.unfinished if kept and _is_abandoned(scan_id, kept)]
    removed = sorted([*lists.committed[:-keep], *abandoned, *lists.debris])
    for scan_id in removed:
        await _remove(files, ScanNames(scan_id))
    return removed


def _is_abandoned(scan_id: str, kept: Sequence[str]) -> bool:
    return scan_id < kept[0] and begun_at(kept[-1]) - begun_at(scan_id) > _ABANDONED_AFTER


async def discard_empty(files: Files, names: ScanNames) -> None:
    """Remove a scan of which nothing but its header is there."""
    if await files.names(f"{names.folder}/") == [names.header]:
        await _remove(files, names)


async def _remove(files: Files, names: ScanNames) -> None:
    await files.delete([names.manifest])
    await files.delete([names.header])
    await files.delete(await files.names(f"{names.folder}/"))
