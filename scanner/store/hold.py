"""Keeps other processes off a scan: by a lock where the files have one, else by a lease, else not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol, runtime_checkable

from scanner.core.interfaces import Files
from scanner.files.local import LocksUnsupported
from scanner.store.layout import ScanNames
from scanner.store.lease import Lease, hold_lease, refuse_if_held

#: Returns whether the store honours conditional writes.
HasConditions = Callable[[], Awaitable[bool]]


@runtime_checkable
class Lockable(Protocol):
    """Files on which one process can lock a name against the others."""

    def lock(self, name: str) -> AbstractAsyncContextManager[None]: ...


@asynccontextmanager
async def hold(
    files: Files, names: ScanNames, lease_s: float, has_conditions: HasConditions
) -> AsyncIterator[Lease | None]:
    """Holds a scan while the block runs; yields the lease if it is held by one.

    A lock is preferred, because it ends with its process. A folder may be written from machines with and without
    locks, so a lease that another process holds is respected in any case. `has_conditions` is called only where there
    is no lock: it writes, which a full disk refuses.

    Raises:
        StoreBusy: another process holds the scan.
        LeaseLost: another process took it over later.
    """
    async with AsyncExitStack() as stack:
        if isinstance(files, Lockable) and await _is_locked(stack, files, names):
            await refuse_if_held(files, names)
            yield None
        elif await has_conditions():
            yield await stack.enter_async_context(hold_lease(files, names, lease_s))
        else:
            yield None


async def _is_locked(stack: AsyncExitStack, files: Lockable, names: ScanNames) -> bool:
    try:
        await stack.enter_async_context(files.lock(names.folder))
    except LocksUnsupported:
        return False
    return True
