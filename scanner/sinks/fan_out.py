"""Several sinks fed as one: a sink that fails or hangs is dropped and named, and the others go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import anyio

from scanner.core.errors import SinkError
from scanner.core.interfaces import NodeBatch, ParallelSink, ScanSummary, Sink

CALL_DEADLINE_S = 300.0
CLOSE_DEADLINE_S = 10.0
_WRITING = "take a batch of nodes"
HURRIED_DEADLINE_S = 3.0  # For whatever a sink does once the run was told to stop


class GuardedSinks:
    """Feeds sinks side by side, each with one call at a time.

    A call that raises `SinkError` or takes longer than its deadline ends its sink: the sink is closed, gets no further
    call, and stands in `failures`. Any other exception is a fault of our own and comes out (a plugin's never does, see
    `scanner.sinks.plugin`).
    """

    def __init__(
        self,
        sinks: Mapping[str, Sink],
        *,
        call_deadline_s: float = CALL_DEADLINE_S,
        close_deadline_s: float = CLOSE_DEADLINE_S,
    ) -> None:
        self._open = dict(sinks)
        self._call_deadline_s = call_deadline_s
        self._close_deadline_s = close_deadline_s
        self._under_way: set[anyio.CancelScope] = set()
        self.failures: dict[str, SinkError] = {}

    @property
    def names(self) -> list[str]:
        """Returns the sinks that are open."""
        return list(self._open)

    def writes_at_once(self, name: str) -> int:
        """Returns how many batches an open sink takes at a time."""
        sink = self._open[name]
        return sink.writes_at_once if isinstance(sink, ParallelSink) else 1

    async def write_to(self, name: str, batch: NodeBatch) -> SinkError | None:
        """Writes a batch to one open sink; returns why that failed. The caller drops the sink then."""
        sink = self._open[name]
        return await self._outcome(lambda sink: sink.write(batch), sink, _WRITING, self._call_deadline_s)

    async def write(self, batch: NodeBatch) -> None:
        await self._each(lambda sink: sink.write(batch), _WRITING)

    async def commit(self, scan: ScanSummary) -> None:
        await self._each(lambda sink: sink.commit(scan), "show the scan")

    def hurry(self, deadline_s: float = HURRIED_DEADLINE_S) -> None:
        """Lets no call take longer than this from now on, those under way included: the run was told to stop."""
        self._call_deadline_s = min(self._call_deadline_s, deadline_s)
        self._close_deadline_s = min(self._close_deadline_s, deadline_s)
        for scope in self._under_way:
            scope.deadline = min(scope.deadline, anyio.current_time() + deadline_s)

    async def aclose(self) -> None:
        """Closes every sink that is still open; ends soon, even while the caller is being cancelled."""
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as group:
                for name in list(self._open):
                    group.start_soon(self._close, name)

    async def _each(self, call: Callable[[Sink], Awaitable[None]], doing: str) -> None:
        async with anyio.create_task_group() as group:
            for name in list(self._open):
                group.start_soon(self._try, name, call, doing)

    async def _try(self, name: str, call: Callable[[Sink], Awaitable[None]], doing: str) -> None:
        failure = await self._outcome(call, self._open[name], doing, self._call_deadline_s)
        if failure:
            await self.drop(name, failure)

    async def drop(self, name: str, failure: SinkError) -> None:
        """Closes a sink that failed; it gets no further call."""
        self.failures[name] = failure
        with anyio.CancelScope(shield=True):
            await self._close(name)

    async def _close(self, name: str) -> None:
        sink = self._open.pop(name)
        failure = await self._outcome(lambda sink: sink.aclose(), sink, "close", self._close_deadline_s)
        if failure:
            self.failures.setdefault(name, failure)

    async def _outcome(
        self, call: Callable[[Sink], Awaitable[None]], sink: Sink, doing: str, deadline_s: float
    ) -> SinkError | None:
        """Returns the sink's failure, or None if the call ended well in time."""
        began = anyio.current_time()
        with anyio.move_on_after(deadline_s) as scope:
            self._under_way.add(scope)
            try:
                await call(sink)
            except SinkError as error:
                return error
            finally:
                self._under_way.discard(scope)
        if scope.cancelled_caught:
            waited_s = min(deadline_s, scope.deadline - began)  # less where the run was told to hurry
            return SinkError(f"it did not {doing} within {waited_s:.3g} s and was dropped")
        return None
