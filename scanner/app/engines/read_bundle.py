"""What a worker of an engine does: it is asked whether it can read a scan, and given bundles of targets to read.

Everything here runs in the processes of the engine. It takes its credentials and the external id from there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import anyio
from anyio.from_thread import BlockingPortalProvider
from msgspec import Struct, structs

from scanner import __version__
from scanner.app.carry import carry_share
from scanner.app.deliver import Delivery
from scanner.app.engines.gate import GatedFleet, ProcessGate
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
from scanner.app.engines.shared_aws import shared_aws
from scanner.app.resume import ActiveScan, check_external_id
from scanner.app.signals import Stop
from scanner.app.suspects import Order
from scanner.app.worker import Worker, join_scan, narrowed
from scanner.core.concurrency import unwrap_single_error
from scanner.core.errors import ConfigError, PatchsweepError
from scanner.core.garbage_collection import collect_rarely
from scanner.core.interfaces import Fleet, Observer
from scanner.core.model import CallCounts, Target, TargetOutcome
from scanner.core.process import set_up_process
from scanner.store.open import open_store

EXTERNAL_ID_VARIABLE = "PATCHSWEEP_EXTERNAL_ID"
NEWS_EVERY_S = 1.0  # also how long a worker goes on after nobody waits for its bundle any more
_GATE = ProcessGate()  # one for the process: all bundles meet here
#: One event loop for all bundles of the process, while there are any. With one each, their threads took Python's lock
#: from each other at every request, which doubled the CPU of a target.
_LOOP = BlockingPortalProvider(backend_options={"use_uvloop": True})


class _VersionOnly(Struct, frozen=True):
    version: str


async def check_worker(scan: str) -> str | None:
    """Returns why this worker cannot read a scan, given as the JSON of a `ScanTask`; None if it can."""
    version = from_text(scan, _VersionOnly).version
    if version != __version__:
        return f"has patchsweep {__version__}, and the scan is run by {version}: install the same version on both"
    task = from_text(scan, ScanTask)
    settings = task.settings(os.environ.get(EXTERNAL_ID_VARIABLE))
    try:
        with unwrap_single_error():
            async with open_store(settings) as store:
                header = await store.header(task.scan_id)
    except PatchsweepError as error:
        return f"does not see the scan in the store {task.store.location}: {error}"
    try:
        check_external_id(header.request, settings)
    except PatchsweepError as error:
        return f"cannot read the scan: {error}"
    return None


def read_bundle(task: str, is_wanted: Callable[[], bool], send: Callable[[str], None]) -> str:
    """Reads a bundle, given as the JSON of a `BundleTask`; returns the JSON of a `BundleReport`. Blocks this thread.

    Args:
        task: the bundle.
        is_wanted: whether anybody waits for the bundle; otherwise what was read is stored, and the reading ends.
        send: takes the JSON of `News`.
    """
    set_up_process()
    collect_rarely()
    bundle = from_text(task, BundleTask)
    with _LOOP as portal:
        return to_text(portal.call(_report, bundle, is_wanted, send))


async def _report(task: BundleTask, is_wanted: Callable[[], bool], send: Callable[[str], None]) -> BundleReport:
    collector, stop = _Collector(), Stop()
    try:
        with unwrap_single_error():
            async with anyio.create_task_group() as beside:
                beside.start_soon(_send_news, collector, is_wanted, send, stop)
                await _read(task, collector, stop)
                beside.cancel_scope.cancel()
    except PatchsweepError as error:
        return BundleReport(tuple(collector.outcomes), failure=Failure.from_error(error))
    return BundleReport(tuple(collector.outcomes), is_complete=stop.signal_number is None)


async def _read(task: BundleTask, collector: _Collector, stop: Stop) -> None:
    problem = await check_worker(to_text(task.scan)) if task.scan.version != __version__ else None
    if problem is not None:
        raise ConfigError(f"a worker {problem}")
    settings = task.scan.settings(os.environ.get(EXTERNAL_ID_VARIABLE))
    async with open_store(settings) as store:
        scan, plan = await join_scan(store, settings, task.scan.scan_id)
        if not task.targets:
            with stop.phase():
                await carry_share(scan, plan, task.part)
            return
        targets = [plan.targets[number].target for number in task.targets]
        if not await _is_untouched(task, scan):
            scan = await narrowed(scan, targets)
        guard = partial(_gated, scan.settings.limits.max_open_targets)
        delivery = Delivery(store, scan, None)
        await Worker(delivery, task.part, [collector], guard, shared_aws().opened).read(targets, stop)


def _gated(most: int, fleet: Fleet, order: Order) -> Fleet:
    return GatedFleet(fleet, _GATE, most, frozenset(order.alone))


async def _is_untouched(task: BundleTask, scan: ActiveScan) -> bool:
    """Returns whether nothing of the bundle can be stored: that saves the reading of all that the scan holds."""
    if not task.is_fresh:
        return False
    return all(each.open.slice != str(task.part) for each in await scan.stored.writer.list_open())


async def _send_news(
    collector: _Collector, is_wanted: Callable[[], bool], send: Callable[[str], None], stop: Stop
) -> None:
    """Sends news until it is cancelled; stops the reading when nobody waits for it."""
    while True:
        await anyio.sleep(NEWS_EVERY_S)
        _send(collector, send)
        if not is_wanted():
            stop.stop(0)


def _send(collector: _Collector, send: Callable[[str], None]) -> None:
    news = collector.take()
    if news:
        send(to_text(news))


class _Collector(Observer):
    """Keeps the outcomes of the bundle, and what is new since the last time."""

    def __init__(self) -> None:
        self.outcomes: list[TargetOutcome] = []
        self._news = News()

    def target_opened(self, target: Target, counts: CallCounts) -> None:  # noqa: ARG002 - they stay here
        self._news.opened.append(target)

    def nodes_found(self, target: Target, count: int) -> None:
        self._news.found.append(NodesFound(target, count))

    def target_ended(self, outcome: TargetOutcome) -> None:
        shown = structs.replace(outcome, baselines=())
        self.outcomes.append(shown)
        self._news.ended.append(shown)

    def take(self) -> News:
        news, self._news = self._news, News()
        return news
