"""`Files` in a dictionary, which can be told to fail."""

from __future__ import annotations

from scanner.core.errors import StoreError


class MemoryFiles:
    def __init__(self):
        self.url = "memory"
        self.content = {}
        self.refused = ()

    async def put(self, name, data):
        if name.startswith(tuple(self.refused)):
            raise StoreError(f"cannot write {name} to memory")
        self.content[name] = data

    async def get(self, name):
        return self.content.get(name)

    async def names(self, prefix=""):
        return sorted(name for name in self.content if name.startswith(prefix))

    async def delete(self, names):
        for name in names:
            self.content.pop(name, None)
