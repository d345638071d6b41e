"""How a bundle is given out again until it is read, with a client of our own in the place of Dask's."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import CancelledError

import anyio
import anyio.lowlevel
import pytest

from scanner.app.engines import read_by_dask
from scanner.app.engines.bundles import Bundle, most_attempts
from scanner.app.engines.messages import (
    BundleReport,
    BundleTask,
    Failure,
    News,
    NodesFound,
    ScanTask,
    from_text,
    to_text,
)
from scanner.app.engines.read_by_dask import Reading, read_bundles
from scanner.app.slices import Slice
from scanner.app.suspects import FAILED_AFTER_DEATHS
from scanner.core.concurrency import unwrap_single_error
from scanner.core.errors import ConfigError, PatchsweepError, StoreError
from scanner.core.interfaces import Observer
from scanner.core.model import Target
from scanner.core.settings import Settings
from tests.cli.fake_app import outcome

pytestmark = pytest.mark.slow  # they import Dask, for its error of a worker that was killed

TASK = ScanTask.from_settings("20261125T221024Z-a1b2c3", Settings())
TARGET = Target("111122223333", "eu-west-1")
WHOLE = BundleReport((outcome(TARGET, nodes=3),), is_complete=True)


class Future:
    def __init__(self, ends) -> None:
        self._ends = ends
        self.is_released = False

    def __await__(self):
        yield from ()
        if isinstance(self._ends, Exception):
            raise self._ends
        return to_text(self._ends)

    def release(self):
        self.is_released = True


class Client:
    """Ends the bundles one after the other as it was handed, and remembers what it was given."""

    def __init__(self, *ends) -> None:
        self._ends = list(ends)
        self.tasks: list[BundleTask] = []
        self.futures: list[Future] = []
        self.keys: set[str] = set()
        self.workers = {"tcp://a:1": 2}
        self.topics: dict[str, object] = {}

    def subscribe_topic(self, topic, handler):
        self.topics[topic] = handler

    async def nthreads(self):
        return self.workers

    def submit(self, function, text, *, key, pure, priority):
        self.keys.add(key)
        self.tasks.append(from_text(text, BundleTask))
        self.futures.append(Future(self._ends.pop(0)))
        return self.futures[-1]


class Seen(Observer):
    def __init__(self) -> None:
        self.ended = []
        self.found = defaultdict(int)

    def nodes_found(self, target, count):
        self.found[target] += count

    def target_ended(self, outcome):
        self.ended.append(outcome)


async def read(client, *observers, targets=(0,)):
    bundle = Bundle(Slice(0, 1), targets)
    with unwrap_single_error():
        await read_bundles(Reading(client, "the cluster", TASK, [bundle], [bundle], observers))


async def test_a_bundle_is_given_out_until_it_is_read_and_is_fresh_only_once():
    from distributed import KilledWorker  # noqa: PLC0415 - an extra

    killed, seen = KilledWorker("key", None, 0), Seen()
    client = Client(killed, ValueError("a bug"), BundleReport(is_complete=False), WHOLE)
    await read(client, seen, targets=(0, 1))

    assert [task.is_fresh for task in client.tasks] == [True, False, False, False]
    assert len(client.keys) == 4
    assert all(future.is_released for future in client.futures)
    assert seen.ended == list(WHOLE.outcomes)


async def test_a_bundle_that_ends_every_worker_is_left_after_as_many_as_its_targets_are_worth(caplog):
    client = Client(*[ValueError("a bug")] * 20)
    await read(client, targets=(0, 1))
    assert len(client.tasks) == 10
    assert "a bundle of 2 targets was given up" in caplog.text


class OneProcess(Client):
    """Holds the last bundle beside each of the others in turn, which end the process four times before they end."""

    def __init__(self, bundles) -> None:
        super().__init__()
        self._last = len(bundles) - 1
        self._deaths = [0] * len(bundles)
        self._turn = 0
        self._beside: anyio.Event | None = None

    def submit(self, function, text, *, key, pure, priority):
        self.tasks.append(from_text(text, BundleTask))
        return Running(self._read(self.tasks[-1].part.index))

    async def _read(self, index):
        if index == self._last and self._turn < self._last:
            self._beside = anyio.Event()
            await self._beside.wait()
            raise ValueError("the bundle beside it ended the process")
        while index < self._last and (self._turn < index or self._beside is None):
            await anyio.lowlevel.checkpoint()
        if index < self._last and self._deaths[index] < FAILED_AFTER_DEATHS:
            self._deaths[index] += 1
            self._end_the_other()
            raise ValueError("it ended the process")
        self._turn += 1
        if self._turn == self._last:
            self._end_the_other()
        return BundleReport((outcome(Target(f"{index:012}", "eu-west-1")),), is_complete=True)

    def _end_the_other(self):
        self._beside.set()
        self._beside = None


class Running(Future):
    def __await__(self):
        return to_text((yield from self._ends.__await__()))


async def test_a_bundle_is_not_given_up_for_what_ends_its_workers_beside_it(caplog):
    bundles = [Bundle(Slice(index, 21), (index,)) for index in range(21)]
    client, seen = OneProcess(bundles), Seen()
    with unwrap_single_error():
        await read_bundles(Reading(client, "the cluster", TASK, bundles, bundles, [seen]))

    assert sum(task.part.index == 20 for task in client.tasks) > most_attempts(bundles)
    assert "given up" not in caplog.text
    assert len(seen.ended) == 21


@pytest.mark.parametrize(
    ("error", "kind"), [(ConfigError("no role"), ConfigError), (StoreError("the disk is full"), PatchsweepError)]
)
async def test_an_error_that_concerns_the_whole_scan_ends_it(error, kind):
    with pytest.raises(PatchsweepError, match=str(error)) as raised:
        await read(Client(BundleReport(failure=Failure.from_error(error))))
    assert type(raised.value) is kind


async def test_a_scheduler_that_is_gone_ends_the_scan():
    with pytest.raises(PatchsweepError, match="the scheduler of the cluster is gone"):
        await read(Client(CancelledError()))


async def test_a_scheduler_that_is_gone_is_one_sentence_whoever_notices_it_first(monkeypatch):
    monkeypatch.setattr(read_by_dask, "LOOK_EVERY_S", 0.0)
    noticed = anyio.Event()

    class Gone(Client):
        async def nthreads(self):
            noticed.set()
            raise OSError("Stream is closed")

    class Cancelled(Future):
        def __await__(self):
            return self._cancelled().__await__()

        async def _cancelled(self):
            await noticed.wait()
            raise CancelledError

    client = Gone()
    client.submit = lambda *_, **__: Cancelled(None)
    with pytest.raises(PatchsweepError, match="the scheduler of the cluster is gone"):
        await read(client)


@pytest.mark.parametrize("step", ["subscribe_topic", "submit"])
async def test_a_client_that_has_given_its_scheduler_up_is_a_sentence(step):
    from distributed.client import ClosedClientError  # noqa: PLC0415 - an extra

    def closed(*_, **__):
        raise ClosedClientError("Client is closed. Can't send a message.")

    client = Client()
    setattr(client, step, closed)
    with pytest.raises(PatchsweepError, match="the scheduler of the cluster is gone"):
        await read(client)


async def test_news_is_shown_and_a_target_ends_once():
    seen = Seen()
    client = Client(WHOLE)
    news = News([TARGET], [NodesFound(TARGET, 3)], list(WHOLE.outcomes))
    subscribe = client.subscribe_topic

    def arrives_at_once(topic, handler):
        subscribe(topic, handler)
        handler((0.0, to_text(news)))

    client.subscribe_topic = arrives_at_once
    await read(client, seen)
    assert seen.found == {TARGET: 3}
    assert seen.ended == list(WHOLE.outcomes)


async def test_a_cluster_that_has_lost_its_workers_ends_the_scan(monkeypatch):
    monkeypatch.setattr(read_by_dask, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(read_by_dask, "NO_WORKER_PATIENCE_S", 0.01)
    client = Client()
    client.workers = {}

    class Never(Future):
        def __await__(self):
            return anyio.sleep_forever().__await__()

    client.submit = lambda *_, **__: Never(None)
    with pytest.raises(PatchsweepError, match="the cluster has had no worker for"):
        await read(client)
