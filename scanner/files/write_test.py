"""Whether files can be written, read, listed and removed in a place, determined by doing it."""

from __future__ import annotations

import secrets

from scanner.core.errors import StoreError
from scanner.core.interfaces import Files

_CONTENT = b"a write test of patchsweep; remove this file if it is still here\n"
_OTHER_CONTENT = b"the second write of a write test of patchsweep; remove this file if it is still here\n"


async def probe(files: Files) -> None:
    """Writes a small file under a new name, reads it back and removes it.

    Raises:
        StoreError: one of the three does not work.
    """
    name = _new_name()
    await files.put(name, _CONTENT)
    try:
        await _check_content(files, name)
    finally:
        await files.delete([name])


async def probe_store(files: Files) -> bool:
    """Does with a small file what a scan does with its own: writes, lists, reads and removes it.

    Returns whether conditional writes are honoured: of two writers who both create a name, or both replace a version,
    one is refused. Some servers that speak S3 ignore the conditions, or do not know them.

    Raises:
        StoreError: one of the four does not work.
    """
    name = _new_name()
    await files.put(name, _CONTENT)
    try:
        if name not in await files.names(name):
            raise StoreError(f"{files.url} does not list what was written there; choose another place")
        await _check_content(files, name)
        return await _honours_conditions(files, name)
    finally:
        await files.delete([name])


async def _honours_conditions(files: Files, name: str) -> bool:
    try:
        if await files.put_if(name, _OTHER_CONTENT, None) is not None:
            return False
        before = await files.read(name)
        if before is None or await files.put_if(name, _OTHER_CONTENT, before.version) is None:
            return False
        return await files.put_if(name, _CONTENT, before.version) is None
    except StoreError:
        # Plain writes work, as was shown right before: it is the condition that is refused.
        return False


async def _check_content(files: Files, name: str) -> None:
    if await files.get(name) != _CONTENT:
        raise StoreError(f"{files.url} does not return what was written there; choose another place")


def _new_name() -> str:
    return f"patchsweep-write-test-{secrets.token_hex(8)}.txt"
