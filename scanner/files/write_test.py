"""Tries whether files can be written, listed, read and removed in a place, by doing it."""

from __future__ import annotations

import secrets

from scanner.core.errors import StoreError
from scanner.core.interfaces import Files

_CONTENT = b"patchsweep tried here whether it can write; remove this file if you find it\n"


async def probe(files: Files) -> None:
    """Writes a small file under a new name, lists it, reads it back and removes it.

    Raises:
        StoreError: one of the four does not work.
    """
    name = f"patchsweep-write-test-{secrets.token_hex(8)}.txt"
    await files.put(name, _CONTENT)
    try:
        if await files.get(name) != _CONTENT or name not in await files.names(name):
            raise StoreError(f"{files.url} does not give back what was written there; choose another place")
    finally:
        await files.delete([name])
