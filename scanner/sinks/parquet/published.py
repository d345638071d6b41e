"""The files of one scan among those of others, put in their places and replaced as one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from scanner.core.errors import StoreError
from scanner.core.interfaces import Files

_PUTS_AT_ONCE = 16
_NAMES = msgspec.json.Decoder(list[str])


class Publication:
    """Remembers in `_published/<scan_id>.json` which files the scan has, so that no listing is needed to replace them.

    Readers of a Hive layout skip names that begin with an underscore. Methods raise `StoreError`.
    """

    def __init__(self, files: Files, scan_id: str) -> None:
        self._files = files
        self._record = f"_published/{scan_id}.json"
        self._unsettled: list[str] = []

    async def replace(self, ready: Mapping[str, Path], mark: str) -> None:
        """Put each name's file in its place, and remove what an earlier publication of the scan left.

        Where the file `mark` stands the scan is whole: it is taken away first, and it comes back last.
        """
        known = await self._files.get(self._record)
        before = _NAMES.decode(known) if known else []
        self._unsettled = sorted({*before, *ready})
        await self._files.put(self._record, msgspec.json.encode(self._unsettled))
        if before:
            await self._files.delete([mark])
        await self._put_all({name: path for name, path in ready.items() if name != mark})
        stale = [name for name in before if name not in ready]
        if stale:
            await self._files.delete(stale)
        await self._put(mark, ready[mark])
        self._unsettled = []
        if stale:
            await self._files.put(self._record, msgspec.json.encode(sorted(ready)))

    async def withdraw(self) -> None:
        """Remove the scan if `replace` began and did not end."""
        if self._unsettled:
            await self._files.delete(self._unsettled)

    async def _put_all(self, ready: Mapping[str, Path]) -> None:
        waiting = iter(ready.items())
        failures: list[StoreError] = []

        async def put_some() -> None:
            try:
                for name, path in waiting:
                    await self._put(name, path)
            except StoreError as error:
                failures.append(error)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for _ in range(_PUTS_AT_ONCE):
                group.start_soon(put_some)
        if failures:
            raise failures[0]

    async def _put(self, name: str, path: Path) -> None:
        await self._files.put(name, await to_thread.run_sync(path.read_bytes))
