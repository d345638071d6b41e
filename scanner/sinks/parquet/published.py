"""The files of one scan among those of others, put in their places and replaced together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from scanner.core.errors import StoreError
from scanner.core.foreign_bytes import decode_json
from scanner.core.interfaces import Files
from scanner.sinks.parquet.layout import are_names_of, is_marker

#: Files are held in memory while they are sent: four of 128 MB are half a gigabyte at most.
_PUTS_AT_ONCE = 4


class Publication:
    """Keeps the names of a scan's files in `_published/<scan_id>.json`, so that replacing them takes no listing.

    Readers skip names that begin with an underscore. Methods raise `StoreError`.
    """

    def __init__(self, files: Files, scan_id: str) -> None:
        self._files = files
        self._scan_id = scan_id
        self._record = f"_published/{scan_id}.json"
        self._unfinished: list[str] = []

    async def replace(self, ready: Mapping[str, Path]) -> None:
        """Puts each name's file in its place, and removes what an earlier publication of the scan left.

        The scan is whole where its marker file is: that one is removed first, in whichever layout, and put last.
        """
        before = await self._recorded()
        self._unfinished = sorted({*before, *ready})
        await self._files.put(self._record, msgspec.json.encode(self._unfinished))
        await self._delete([name for name in before if is_marker(name)])
        await self._put_all({name: path for name, path in ready.items() if not is_marker(name)})
        stale = [name for name in before if name not in ready]
        await self._delete(stale)
        await self._put_all({name: path for name, path in ready.items() if is_marker(name)})
        self._unfinished = []
        if stale:
            await self._files.put(self._record, msgspec.json.encode(sorted(ready)))

    async def withdraw(self) -> None:
        """Removes the scan if `replace` began and did not end."""
        await self._delete(self._unfinished)

    async def remove(self) -> None:
        """Removes the scan: first the file that marks it as whole, last the list of its files."""
        names = await self._recorded()
        await self._delete([name for name in names if is_marker(name)])
        await self._delete([name for name in names if not is_marker(name)])
        await self._delete([self._record])

    async def _recorded(self) -> list[str]:
        """Returns the names of an earlier publication; they are deleted, so nothing else may stand there."""
        record = await self._files.get(self._record)
        if record is None:
            return []
        try:
            names = decode_json(record, list[str])
        except ValueError as error:
            raise self._damaged() from error
        if not are_names_of(self._scan_id, names):
            raise self._damaged()
        return names

    def _damaged(self) -> StoreError:
        return StoreError(
            f"{self._record} in {self._files.url} is damaged, so the files of this scan's earlier publication are not "
            f"known: remove it and every file with {self._scan_id} in its name there, then publish the scan again"
        )

    async def _delete(self, names: list[str]) -> None:
        if names:
            await self._files.delete(names)

    async def _put_all(self, ready: Mapping[str, Path]) -> None:
        waiting = iter(ready.items())
        failures: list[StoreError] = []

        async def put_some() -> None:
            try:
                for name, path in waiting:
                    await self._files.put(name, await to_thread.run_sync(path.read_bytes))
            except StoreError as error:
                failures.append(error)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for _ in range(_PUTS_AT_ONCE):
                group.start_soon(put_some)
        if failures:
            raise failures[0]
