"""`latest.json`: names the newest committed scan, for readers that follow a pointer. patchsweep itself lists."""

from __future__ import annotations

from scanner.core.errors import StoreError
from scanner.core.interfaces import Files
from scanner.store.catalog import catalog
from scanner.store.json_files import from_json, to_json
from scanner.store.layout import LATEST, ScanNames
from scanner.store.manifest import Latest

_TRIES = 10  # each failed one means that another scan was committed at this moment


async def point_to_latest(files: Files, *, has_conditions: bool) -> None:
    """Makes `latest.json` name the newest committed scan.

    The version is read before the scans are listed. Two scans that end at one moment can therefore not move it back:
    the one that listed less is refused and lists again.
    """
    for _ in range(_TRIES):
        current = await files.read(LATEST)
        committed = (await catalog(files)).committed
        if not committed:
            return
        data = to_json(Latest(committed[-1], ScanNames(committed[-1]).manifest))
        if current is not None and current.data == data:
            return
        if not has_conditions:
            await files.put(LATEST, data)
            return
        if await files.put_if(LATEST, data, None if current is None else current.version) is not None:
            return
    raise StoreError(f"{files.url}/{LATEST} is changed by others all the time: the scan is committed, the next sets it")


async def latest_problems(files: Files) -> list[str]:
    """Returns a sentence if `latest.json` is damaged, or names another scan than the newest committed one."""
    newest, data = (await catalog(files)).committed[-1:], await files.get(LATEST)
    place = f"{files.url}/{LATEST}"
    try:
        named = [from_json(data, Latest, place).scan_id] if data is not None else []
    except StoreError as error:
        return [str(error)]
    if named == newest:
        return []
    is_named, is_newest = (", ".join(ids) or "none" for ids in (named, newest))
    return [f"{place} names {is_named}, the newest committed scan is {is_newest}: the next scan corrects it"]
