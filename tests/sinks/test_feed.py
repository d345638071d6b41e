"""A stored scan is fed to its sinks: in order, or several batches at a time to a sink that can take them."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from scanner.core.errors import SinkError
from scanner.sinks.publish import publish
from scanner.sinks.testing.samples import awkward_scan

SCAN = awkward_scan("s1")
COUNT = 20


class ManySink:
    """Notes which batches it has, and how many writes run; a write ends when `opens` does, or fails by its number."""

    live = False

    def __init__(self, writes_at_once=None, *, fails_at=None, opens_with=None):
        if writes_at_once is not None:
            self.writes_at_once = writes_at_once
        self.fails_at = fails_at
        self.opens, self.opens_with = anyio.Event(), opens_with
        self.began, self.ended, self.calls = [], [], []
        self.running = self.most = 0

    async def write(self, batch):
        number = batch.nodes
        self.began.append(number)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.running == self.opens_with:
                self.opens.set()
            if number == self.fails_at:
                raise SinkError("the disk is full")
            await self.opens.wait()
            await checkpoint()
            self.ended.append(number)
        finally:
            self.running -= 1

    async def commit(self, scan):
        self.calls.append(("commit", self.running))

    async def aclose(self):
        self.calls.append(("aclose", self.running))


class Numbered:
    """Stands for a batch."""

    def __init__(self, number):
        self.nodes = number


async def numbered(made):
    for number in range(COUNT):
        made.append(number)
        yield Numbered(number)


def opened(*arguments, **more):
    sink = ManySink(*arguments, **more)
    sink.opens.set()
    return sink


async def test_a_sink_that_says_so_gets_several_batches_at_a_time_each_once_and_its_commit_after_all():
    many, one = ManySink(4, opens_with=4), opened()
    assert await publish(numbered([]), SCAN.summary, {"many": many, "one": one}) == {}
    assert many.most == 4
    assert sorted(many.ended) == list(range(COUNT))
    assert (one.most, one.ended) == (1, list(range(COUNT)))
    assert many.calls == one.calls == [("commit", 0), ("aclose", 0)]


async def test_no_more_is_read_than_the_writers_have_in_hand_and_one():
    sink, made = ManySink(3), []
    with anyio.move_on_after(0.05):
        await publish(numbered(made), SCAN.summary, {"many": sink})
    assert len(made) == 4
    assert sink.calls == [("aclose", 0)]


async def test_a_write_that_fails_stops_the_others_of_its_sink_and_no_other_sink():
    bad, good = ManySink(4, fails_at=2), opened(2)
    failures = await publish(numbered([]), SCAN.summary, {"bad": bad, "good": good})
    assert [str(failure) for failure in failures.values()] == ["the disk is full"]
    assert list(failures) == ["bad"]
    assert bad.calls == [("aclose", 0)]
    assert (bad.began, bad.ended) == ([0, 1, 2], [])
    assert sorted(good.ended) == list(range(COUNT))
    assert good.calls == [("commit", 0), ("aclose", 0)]


async def test_a_writer_that_hangs_costs_its_own_sink_only():
    bad, good = ManySink(2), opened(2)
    failures = await publish(numbered([]), SCAN.summary, {"bad": bad, "good": good}, call_deadline_s=0.05)
    assert "did not take a batch of nodes within 0.05 s" in str(failures["bad"])
    assert sorted(good.ended) == list(range(COUNT))


async def test_what_the_reading_raises_comes_out_after_every_sink_is_closed():
    async def damaged():
        yield Numbered(0)
        raise ZeroDivisionError

    sink = opened(4)
    with pytest.raises(ZeroDivisionError):
        await publish(damaged(), SCAN.summary, {"many": sink})
    assert sink.calls == [("aclose", 0)]
