"""A lease on a scan, where the store has no locks: S3, and folders whose file system cannot lock.

`scans/<id>/lease.json` names the process that writes the scan. Every change of it is a conditional write, so that of
two processes only one holds the lease. A process that stops renewing it, because it was killed or cut off, loses it
after `lease_s` by the clock of the store.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
from msgspec import Struct

from scanner.core.errors import StoreBusy, StoreError
from scanner.core.interfaces import Files, StoredBytes
from scanner.core.model import EpochMs
from scanner.store.json_files import from_json, to_json
from scanner.store.layout import ScanNames
from scanner.store.manifest import FORMAT

DEFAULT_LEASE_S = 60.0  # also for a lease that cannot be read
RENEWALS = 4  # in the time of one lease: three may fail before it is lost
_MARGIN_S = 2.0  # HTTP dates have whole seconds, and so has the age of a lease on S3
_RELEASE_WITHIN_S = 5.0


class LeaseRecord(Struct, frozen=True):
    """`lease.json`. `generation` grows with each owner, `renewal` with each write of one owner.

    `expires_at` is by the owner's clock and for people; whether a lease has expired follows from its age by the
    clock of the store and from `lease_s`. A released lease has a `lease_s` of 0.
    """

    owner: str
    generation: int
    renewal: int
    lease_s: float
    expires_at: EpochMs
    format: int = FORMAT


class Lease:
    """The lease of one scan, as its owner holds it."""

    def __init__(self, files: Files, names: ScanNames, record: LeaseRecord, version: str) -> None:
        self._files = files
        self._names = names
        self._record = record
        self._version = version
        self._turn = anyio.Lock()
        self._is_dropped = False

    async def renew(self) -> None:
        """Renews the lease, which shows that it was not lost.

        Raises:
            StoreError: another process has taken the scan over, or the store cannot be written.
        """
        await self._write_again(self._record.lease_s)

    async def release(self) -> None:
        """Lets others take the scan over at once; a lease that was lost is left alone."""
        with suppress(StoreError):
            await self._write_again(0.0)

    async def drop(self) -> None:
        """Removes the lease of a scan that is committed or gone: there is nothing to take over."""
        self._is_dropped = True
        async with self._turn:
            await self._files.delete([self._names.lease])

    async def keep(self) -> None:
        """Renews the lease until cancelled; raises `StoreError` once another process has taken the scan over."""
        while not self._is_dropped:
            await anyio.sleep(self._record.lease_s / RENEWALS)
            try:
                await self.renew()
            except LeaseLost:
                raise
            except StoreError:
                # The store may answer the next time. Should it not, the check before the commit fails.
                continue

    async def _write_again(self, lease_s: float) -> None:
        # One at a time: two writes on the same version would take each other for another process.
        async with self._turn:
            if self._is_dropped:
                return
            record = _record(self._record.owner, self._record.generation, self._record.renewal + 1, lease_s)
            version = await self._files.put_if(self._names.lease, to_json(record), self._version)
            if version is None:
                raise LeaseLost(await _lost(self._files, self._names))
            self._record, self._version = record, version


class LeaseLost(StoreBusy):
    """Another process has taken the scan over."""


@asynccontextmanager
async def hold_lease(files: Files, names: ScanNames, lease_s: float) -> AsyncIterator[Lease]:
    """Takes the lease of a scan and renews it while the block runs.

    Raises:
        StoreBusy: another process holds it; the text names that process and the time it has left.
        LeaseLost: another process took the scan over later.
    """
    lease = await _take(files, names, lease_s)
    try:
        async with anyio.create_task_group() as renewing:
            renewing.start_soon(lease.keep)
            yield lease
            renewing.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # The block's own error, or that of the renewal: nothing else runs in this group.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
    finally:
        with anyio.move_on_after(_RELEASE_WITHIN_S, shield=True):
            await lease.release()


async def refuse_if_held(files: Files, names: ScanNames) -> None:
    """Raises `StoreBusy` while a process holds the lease of a scan, one that runs where the store has no locks."""
    found = await files.read(names.lease)
    if found is not None:
        _refuse_if_fresh(files, names, found)


async def _take(files: Files, names: ScanNames, lease_s: float) -> Lease:
    found = await files.read(names.lease)
    generation = 1 if found is None else _refuse_if_fresh(files, names, found).generation + 1
    record = _record(_owner(), generation, 0, lease_s)
    version = await files.put_if(names.lease, to_json(record), None if found is None else found.version)
    if version is None:
        raise StoreBusy(f"another process took the scan {names.scan_id} at this very moment: wait until it has ended")
    return Lease(files, names, record, version)


def _refuse_if_fresh(files: Files, names: ScanNames, found: StoredBytes) -> LeaseRecord:
    record = _decoded(found)
    remaining_s = record.lease_s + _MARGIN_S - found.age_s if record.lease_s else 0.0
    if remaining_s > 0:
        raise StoreBusy(
            f"the scan {names.scan_id} in {files.url} is being written by {record.owner}: wait until that process has "
            f"ended; if it was killed, try again in {remaining_s:.0f} s"
        )
    return record


async def _lost(files: Files, names: ScanNames) -> str:
    found = await files.read(names.lease)
    # A committed scan has no lease any more.
    owner = "another process" if found is None else _decoded(found).owner
    return (
        f"the scan {names.scan_id} in {files.url} was taken over by {owner} while this process could not renew its "
        "lease: this run stops; what it stored is part of the scan"
    )


def _decoded(found: StoredBytes) -> LeaseRecord:
    """Returns the lease; one that cannot be read is that of an unknown process and expires like any other."""
    try:
        return from_json(found.data, LeaseRecord, "")
    except StoreError:
        return LeaseRecord("an unknown process", 0, 0, DEFAULT_LEASE_S, 0)


def _record(owner: str, generation: int, renewal: int, lease_s: float) -> LeaseRecord:
    expires_at = int((time.time() + lease_s) * 1000)
    return LeaseRecord(owner, generation, renewal, lease_s, expires_at)


def _owner() -> str:
    return f"process {os.getpid()} on {socket.gethostname()} ({secrets.token_hex(4)})"
