"""Whether files can be written, read and removed in a place, found out by doing it."""

from __future__ import annotations

import secrets

from scanner.core.errors import StoreError
from scanner.core.interfaces import Files

_CONTENT = b"patchsweep doctor was here; remove this file if you find it\n"


async def probe(files: Files) -> None:
    """Write a small file under a new name, read it back and remove it.

    Raises:
        StoreError: one of the three does not work.
    """
    name = f"patchsweep-doctor-{secrets.token_hex(8)}.txt"
    await files.put(name, _CONTENT)
    try:
        if await files.get(name) != _CONTENT:
            raise StoreError(f"{files.url} does not give back what was written there; choose another place")
    finally:
        await files.delete([name])
