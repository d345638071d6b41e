"""What the rooms ask of each other: where nodes come from, where results go, who observes a run.

These are protocols: implementations need no base class. `Observer` alone is one. Nothing here names AWS, a file format
or a terminal.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from msgspec import Struct

from scanner.core.errors import AwsError
from scanner.core.machine_sources import MachineSources
from scanner.core.model import CallCounts, ManagedNode, NodeScan, PatchState, ScanRow, Scope, Target, TargetOutcome
from scanner.core.patch_rows import PatchPage
from scanner.core.stored_bytes import StoredBytes as StoredBytes  # noqa: PLC0414 - sink authors import it from here

if TYPE_CHECKING:
    import pyarrow as pa

#: Returns seconds since the epoch, like `time.time`; a parameter, so that tests decide what time it is.
Clock = Callable[[], float]


class TargetReader(Protocol):
    """Reads an open target. Calls may run concurrently; each waits for its turn under the target's rate limits.

    Every method raises the `AwsError` that says what to do next. `Throttled`, `Transient` and `CredentialsExpired` do
    not get here: they are retried, and end in `Unavailable`. `RequestRejected` stops the run.
    """

    @property
    def counts(self) -> CallCounts:
        """Returns how many requests were sent for this target so far."""
        ...

    def nodes(self) -> AsyncGenerator[Sequence[ManagedNode], None]:
        """Yields the managed nodes in pages of up to 50; a page may be empty without being the last."""
        ...

    async def patch_states(self, instance_ids: Sequence[str]) -> Mapping[str, PatchState | AwsError]:
        """Returns the patch states of up to 50 nodes by instance id; a node without one is absent.

        An `AwsError` stands for a node whose own row, here or among `nodes`, cannot be decoded.
        """
        ...

    async def patch_page(self, instance_id: str, next_token: str | None, states: tuple[str, ...] = ()) -> PatchPage:
        """Returns one page of a node's patches; `next_token` None asks for the first page.

        `states` is the State filter in the documented form (empty: none), beside the scan's other filters.
        """
        ...

    @property
    def sources(self) -> MachineSources:
        """Returns what else can be asked about the machines of the target."""
        ...


class Fleet(Protocol):
    """Opens targets."""

    def open(self, target: Target) -> AbstractAsyncContextManager[TargetReader]:
        """Opens one target with its own credentials; entering may raise `Denied`, `Disabled` or `Unavailable`."""
        ...


class Observer:
    """Is called with what happens while it happens; must return at once and never raise.

    A base class whose methods do nothing, so that an observer defines those that it needs.
    """

    def scan_opened(self, scope: Scope) -> None:
        """Comes first, with the scope that decides which targets count as gaps."""

    def targets_found(self, count: int) -> None:
        """Comes once, when the targets of the scope are known."""

    def target_opened(self, target: Target, counts: CallCounts) -> None:
        """Comes when the target's credentials work and its nodes are about to be listed; `counts` grows from now on."""

    def nodes_found(self, target: Target, count: int) -> None:
        """Comes with each page of a target's nodes; `count` may be 0."""

    def node_ended(self, scan: NodeScan) -> None:
        """Comes once for each node, after it was delivered."""

    def target_ended(self, outcome: TargetOutcome) -> None:
        """Comes once for each target, the ones that were never opened included."""

    def publishing(self, sinks: Sequence[str], patch_rows: int) -> None:
        """Comes when the committed scan is about to be sent to sinks, which are named with secrets masked."""

    def rows_published(self, patch_rows: int) -> None:
        """Comes with each batch that all sinks have taken."""


class NodeBatch(Struct, frozen=True):
    """Whole nodes, in the columns of the `nodes`, `patches` and `tags` tables (see `scanner.core.tables`).

    Where they come from the store, the texts of `patches` are dictionaries, as the store keeps them: a text that a
    thousand rows have is there once. Plug-ins get plain texts.
    """

    nodes: pa.Table
    patches: pa.Table
    tags: pa.Table

    def tables(self) -> dict[str, pa.Table]:
        """Returns the rows by the name of their table, nodes before what refers to them."""
        return {"nodes": self.nodes, "patches": self.patches, "tags": self.tags}


class ScanSummary(Struct, frozen=True):
    """The end of a scan: its row, and the `targets`, `baselines` and `scans` tables that go with it."""

    scan: ScanRow
    targets: pa.Table
    baselines: pa.Table
    scans: pa.Table

    def tables(self) -> dict[str, pa.Table]:
        """Returns the rows by the name of their table, the scan's own row last: it marks the scan as whole."""
        return {"targets": self.targets, "baselines": self.baselines, "scans": self.scans}


class Sink(Protocol):
    """Takes a scan's results besides the store. Any method may raise `SinkError`; nothing is retried for a sink.

    One sink serves one scan. Calls come one at a time: `write` for each batch, then `commit` once if every write
    succeeded, then `aclose`, always. After a crash the whole scan is sent again from its first batch, so publishing
    the same scan twice must leave it there once.
    """

    #: True: written to while nodes arrive (streams). False: written to from the store after the commit (tables).
    live: ClassVar[bool]

    async def write(self, batch: NodeBatch) -> None:
        """Takes a batch. A slow sink slows the readers down, so that nothing piles up in memory."""
        ...

    async def commit(self, scan: ScanSummary) -> None:
        """Makes all that was written visible, together with the scan's `targets` and `scans` rows."""
        ...

    async def aclose(self) -> None:
        """Releases everything and drops what was not committed."""
        ...


@runtime_checkable
class ParallelSink(Sink, Protocol):
    """A sink whose `write` may be called while others run, `writes_at_once` in all, with batches in any order.

    `commit` still comes after every one of them. Where a write fails the others are cancelled, then `aclose` is called.
    """

    writes_at_once: int


@runtime_checkable
class ProbedSink(Sink, Protocol):
    """A sink that can be tried before a scan reads its first node."""

    async def probe(self) -> None:
        """Tries without any row what `write` and `commit` need, and leaves no trace; then only `aclose` is called.

        Raises:
            SinkError: `write` or `commit` would fail.
        """
        ...


class Files(Protocol):
    """A flat, shared name space of bytes: a folder or S3 prefix; names use `/`. Errors are `StoreError` sentences."""

    @property
    def url(self) -> str:
        """Returns where it is, as the user wrote it."""
        ...

    async def put(self, name: str, data: bytes) -> None:
        """Writes whole or not at all, replacing what stood there."""
        ...

    async def put_if(self, name: str, data: bytes, version: str | None) -> str | None:
        """Writes whole, only if the name still has this version; None: only if there is no such name.

        Returns the new version, or None if the name has another version and nothing was written. Of several callers
        with one version at most one writes, in whatever process and on whatever machine.
        """
        ...

    async def get(self, name: str) -> bytes | None:
        """Returns the bytes, or None where there is no such name."""
        ...

    async def read(self, name: str) -> StoredBytes | None:
        """Returns the bytes with their version and age, or None where there is no such name."""
        ...

    async def get_range(self, name: str, start: int, length: int) -> bytes | None:
        """Returns a part of the bytes, fewer where they end before, or None where there is no such name."""
        ...

    async def names(self, prefix: str = "") -> list[str]:
        """Returns every name that starts with `prefix`, sorted; half-written files are not among them."""
        ...

    async def folders(self, prefix: str = "") -> list[str]:
        """Returns what follows `prefix`, up to a `/`, in the names that go on behind one; sorted, each once."""
        ...

    async def sizes(self, prefix: str = "") -> dict[str, int]:
        """Returns the names that start with `prefix`, each with its number of bytes."""
        ...

    async def delete(self, names: Sequence[str]) -> None:
        """Removes these; a name that is not there is no error."""
        ...
