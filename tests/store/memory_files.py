"""Files in memory, and wrappers of any `Files` that fail on purpose."""

from __future__ import annotations

from collections.abc import Sequence

from anyio import lowlevel

from scanner.core.errors import StoreError
from scanner.core.interfaces import Files


class MemoryFiles:
    """A name space in a dict; `held` is open to tests that damage it."""

    url = "memory:"

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    async def put(self, name: str, data: bytes) -> None:
        self.held[name] = data

    async def get(self, name: str) -> bytes | None:
        return self.held.get(name)

    async def names(self, prefix: str = "") -> list[str]:
        return sorted(name for name in self.held if name.startswith(prefix))

    async def delete(self, names: Sequence[str]) -> None:
        for name in names:
            self.held.pop(name, None)


class DyingFiles:
    """Lets a number of changes through and then fails each, as when the process dies or the disk is full."""

    def __init__(self, files: Files, changes: int) -> None:
        self._files = files
        self._left = changes

    @property
    def url(self) -> str:
        return self._files.url

    async def put(self, name: str, data: bytes) -> None:
        self._spend(name)
        await self._files.put(name, data)

    async def get(self, name: str) -> bytes | None:
        return await self._files.get(name)

    async def names(self, prefix: str = "") -> list[str]:
        return await self._files.names(prefix)

    async def delete(self, names: Sequence[str]) -> None:
        # The order within one call is nobody's promise.
        for name in reversed(names):
            self._spend(name)
            await self._files.delete([name])

    def _spend(self, name: str) -> None:
        if not self._left:
            raise StoreError(f"cannot write {name}: the disk is full: free some space, then resume the scan")
        self._left -= 1


class SlowFiles(MemoryFiles):
    """Answers each read only after others had the time to begin; `most` are the reads that were under way at once."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self._under_way = 0

    async def get(self, name: str) -> bytes | None:
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        for _ in range(3):
            await lowlevel.checkpoint()
        self._under_way -= 1
        return await super().get(name)
