"""Files in memory, and wrappers of any `Files` that fail on purpose."""

from __future__ import annotations

from collections.abc import Sequence

from anyio import lowlevel

from scanner.core.errors import StoreError
from scanner.core.interfaces import Files, StoredBytes
from scanner.files.local_writes import version_of


class MemoryFiles:
    """A name space in a dict; `held` is open to tests that damage it, `age_s` is how old all files are."""

    url = "memory:"
    age_s = 0.0

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    async def put(self, name: str, data: bytes) -> None:
        self.held[name] = data

    async def put_if(self, name: str, data: bytes, version: str | None) -> str | None:
        held = await self.read(name)
        if (held and held.version) != version:
            return None
        await self.put(name, data)
        return version_of(data)

    async def get(self, name: str) -> bytes | None:
        return self.held.get(name)

    async def read(self, name: str) -> StoredBytes | None:
        data = self.held.get(name)
        return None if data is None else StoredBytes(data, version_of(data), self.age_s)

    async def names(self, prefix: str = "") -> list[str]:
        return sorted(name for name in self.held if name.startswith(prefix))

    async def get_range(self, name: str, start: int, length: int) -> bytes | None:
        data = await self.get(name)
        return None if data is None else data[start : start + length]

    async def folders(self, prefix: str = "") -> list[str]:
        behind = (name.removeprefix(prefix) for name in self.held if name.startswith(prefix))
        return sorted({rest.partition("/")[0] for rest in behind if "/" in rest})

    async def sizes(self, prefix: str = "") -> dict[str, int]:
        return {name: len(data) for name, data in self.held.items() if name.startswith(prefix)}

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

    async def put_if(self, name: str, data: bytes, version: str | None) -> str | None:
        self._spend(name)
        return await self._files.put_if(name, data, version)

    async def get(self, name: str) -> bytes | None:
        return await self._files.get(name)

    async def read(self, name: str) -> StoredBytes | None:
        return await self._files.read(name)

    async def names(self, prefix: str = "") -> list[str]:
        return await self._files.names(prefix)

    async def get_range(self, name: str, start: int, length: int) -> bytes | None:
        return await self._files.get_range(name, start, length)

    async def folders(self, prefix: str = "") -> list[str]:
        return await self._files.folders(prefix)

    async def sizes(self, prefix: str = "") -> dict[str, int]:
        return await self._files.sizes(prefix)

    async def delete(self, names: Sequence[str]) -> None:
        # The order within one call is nobody's promise.
        for name in reversed(names):
            self._spend(name)
            await self._files.delete([name])

    def _spend(self, name: str) -> None:
        if not self._left:
            raise StoreError(f"cannot write {name}: the disk is full: free some space")
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
