"""Several sinks at once: one that fails, hangs or has a fault of its own does not spoil the others."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from scanner.core.errors import SinkError
from scanner.sinks.fan_out import GuardedSinks
from scanner.sinks.publish import publish
from scanner.sinks.testing.samples import awkward_scan

SCAN = awkward_scan("s1")


class FakeSink:
    """Notes its calls; raises or hangs in those it is told to."""

    live = False

    def __init__(self, *, errors=None, hangs=()):
        self.errors = errors or {}
        self.hangs = hangs
        self.calls = []

    async def write(self, batch):
        await self._called("write")

    async def commit(self, scan):
        await self._called("commit")

    async def aclose(self):
        await self._called("aclose")

    async def _called(self, name):
        await checkpoint()
        self.calls.append(name)
        if name in self.hangs:
            await anyio.sleep_forever()
        if name in self.errors:
            raise self.errors[name]


async def batches(read=None):
    for batch in SCAN.batches:
        if read is not None:
            read.append(batch)
        yield batch


ALL = ["write", "write", "commit", "aclose"]


async def test_every_sink_gets_every_batch_then_the_commit_then_the_close():
    sinks = {"a": FakeSink(), "b": FakeSink()}
    assert await publish(batches(), SCAN.summary, sinks) == {}
    assert [sink.calls for sink in sinks.values()] == [ALL, ALL]


@pytest.mark.parametrize(
    ("call", "before"),
    [("write", ["write", "aclose"]), ("commit", ["write", "write", "commit", "aclose"]), ("aclose", ALL)],
)
async def test_a_sink_that_fails_is_closed_and_named_and_the_others_go_on(call, before):
    error = SinkError("the disk is full")
    sinks = {"bad": FakeSink(errors={call: error}), "good": FakeSink()}
    assert await publish(batches(), SCAN.summary, sinks) == {"bad": error}
    assert sinks["bad"].calls == before
    assert sinks["good"].calls == ALL


async def test_the_first_failure_of_a_sink_is_the_one_that_is_told():
    first, second = SinkError("first"), SinkError("second")
    sinks = {"bad": FakeSink(errors={"write": first, "aclose": second})}
    assert await publish(batches(), SCAN.summary, sinks) == {"bad": first}


@pytest.mark.parametrize("call", ["write", "commit"])
async def test_a_sink_that_hangs_is_dropped_at_its_deadline(call):
    sinks = {"stuck": FakeSink(hangs={call}), "good": FakeSink()}
    failures = await publish(batches(), SCAN.summary, sinks, call_deadline_s=0.05)
    assert list(failures) == ["stuck"]
    assert "within 0.05 s" in str(failures["stuck"])
    assert sinks["stuck"].calls[-1] == "aclose"
    assert sinks["good"].calls == ALL


async def test_a_sink_that_hangs_while_it_is_closed_holds_nobody_up():
    sink = FakeSink(hangs={"aclose"})
    guarded = GuardedSinks({"stuck": sink}, close_deadline_s=0.05)
    await guarded.aclose()
    assert "did not close within 0.05 s" in str(guarded.failures["stuck"])


async def test_no_further_batch_is_read_when_no_sink_is_left():
    read = []

    async def many():
        for _ in range(10):
            async for batch in batches(read):
                yield batch

    await publish(many(), SCAN.summary, {"bad": FakeSink(errors={"write": SinkError("no")})})
    assert len(read) <= 2  # the one that failed, and the next, which was read meanwhile


async def test_a_cancelled_run_still_closes_its_sinks():
    sink = FakeSink(hangs={"write"})
    async with anyio.create_task_group() as group:
        group.start_soon(publish, batches(), SCAN.summary, {"slow": sink})
        while not sink.calls:
            await checkpoint()
        group.cancel_scope.cancel()
    assert sink.calls == ["write", "aclose"]


async def test_a_fault_of_our_own_is_not_taken_for_a_failed_sink():
    sink = FakeSink(errors={"write": KeyError("a bug")})
    with pytest.raises(ExceptionGroup) as caught:
        await publish(batches(), SCAN.summary, {"ours": sink})
    assert caught.group_contains(KeyError)
    assert sink.calls == ["write", "aclose"]


async def test_a_stored_scan_that_cannot_be_read_closes_the_sinks_and_is_told():
    async def torn():
        yield SCAN.batches[0]
        raise OSError("torn")

    sink = FakeSink()
    with pytest.raises(OSError, match="torn"):
        await publish(torn(), SCAN.summary, {"a": sink})
    assert sink.calls == ["write", "aclose"]


async def test_sinks_are_fed_side_by_side():
    """Each waits in its write until the other is in its own."""
    barrier = {"a": anyio.Event(), "b": anyio.Event()}

    class Meeting(FakeSink):
        def __init__(self, mine, other):
            super().__init__()
            self.mine, self.other = mine, other

        async def write(self, batch):
            barrier[self.mine].set()
            await barrier[self.other].wait()

    guarded = GuardedSinks({"a": Meeting("a", "b"), "b": Meeting("b", "a")}, call_deadline_s=30)
    await guarded.write(SCAN.batches[0])
    assert guarded.failures == {}
    await guarded.aclose()
