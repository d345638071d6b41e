"""Has the targets of a scan read by the workers of a Dask cluster.

Dask carries a bundle to a worker and says how it ended. What was read, which targets killed their readers and what is
left stands in the store, so nothing depends on Dask's own count of deaths, and a bundle may be read twice.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio
from msgspec import Struct

from scanner.app.engines.bundles import Bundle, most_attempts
from scanner.app.engines.dask_errors import gone, scheduler_errors
from scanner.app.engines.dask_worker import check_worker, read_dask_bundle
from scanner.app.engines.messages import (
    BundleReport,
    BundleTask,
    News,
    ScanTask,
    from_text,
    to_text,
    topic_of,
)
from scanner.app.suspects import is_silent
from scanner.core.errors import ConfigError, PatchsweepError
from scanner.core.interfaces import Observer
from scanner.core.model import CallCounts, Target, TargetOutcome
from scanner.store.scan_writer import ScanWriter

if TYPE_CHECKING:
    from distributed import Client

FIRST_WORKER_WITHIN_S = 60.0
NO_WORKER_PATIENCE_S = 300.0  # a cluster that grows with its work, or starts workers again, has one by then
LOOK_EVERY_S = 2.0
STOP_WITHIN_S = 12.0  # for workers to store what they have read, and to say so
_STOP_PAUSE_S = 0.2

_log = logging.getLogger(__name__)


async def check_workers(client: Client, scan: ScanTask, place: str) -> int:
    """Asks every worker of the cluster whether it can read the scan; returns how many there are.

    One that ends meanwhile is left out, unless it is the last: it may end at any later moment too.

    Raises:
        ConfigError: one of them cannot; the text names it and says what to do.
        PatchsweepError: there is none.
    """
    with scheduler_errors(place):
        try:
            await client.wait_for_workers(1, timeout=FIRST_WORKER_WITHIN_S)
        except TimeoutError as error:
            raise PatchsweepError(
                f"{place} has had no worker for {FIRST_WORKER_WITHIN_S:.0f} s: start some with `dask worker`"
            ) from error
        answers = await client.run(check_worker, to_text(scan), on_error="return")
    living = {address: answer for address, answer in answers.items() if not isinstance(answer, OSError)}
    for address, answer in (living or answers).items():
        if isinstance(answer, ImportError | AttributeError):
            raise ConfigError(
                f"the worker {address} has no patchsweep, or one that cannot do this: install {scan.version} there"
            )
        if isinstance(answer, BaseException):
            raise PatchsweepError(f"the worker {address} does not answer: {type(answer).__name__}: {answer}")
        if answer is not None:
            raise ConfigError(f"the worker {address} {answer}")
    return len(living)


class Reading(Struct, frozen=True):
    """What is read, by which cluster, and who watches; `fresh` are the bundles of which the scan can hold nothing."""

    client: Client
    place: str
    scan: ScanTask
    bundles: Sequence[Bundle]
    fresh: Collection[Bundle]
    observers: Sequence[Observer]


async def read_bundles(reading: Reading) -> None:
    """Has every bundle read to its end; each bundle whose worker died or failed is read again.

    A bundle whose workers keep ending while no target of the scan comes to its end is left, and its targets with it.

    Raises:
        ConfigError: AWS or a worker refuses the scan as a whole.
        PatchsweepError: the store failed, or the cluster is gone.
    """
    news = _NewsDesk(reading.observers)
    most = most_attempts(reading.bundles)
    topic = topic_of(reading.scan.scan_id)
    with scheduler_errors(reading.place):
        reading.client.subscribe_topic(topic, lambda event: news.arrived(from_text(event[1], News)))
    async with anyio.create_task_group() as watch:
        watch.start_soon(_watch_workers, reading)
        async with anyio.create_task_group() as bundles:
            for bundle in reading.bundles:
                bundles.start_soon(_read_to_its_end, reading, bundle, news, most)
        watch.cancel_scope.cancel()


async def _read_to_its_end(reading: Reading, bundle: Bundle, news: _NewsDesk, most: int) -> None:
    is_fresh = bundle in reading.fresh
    attempts, ended = 0, news.ended
    while attempts < most:
        report = await _read_once(reading, BundleTask(reading.scan, bundle.part, bundle.targets, is_fresh))
        is_fresh = False
        if report is not None:
            for outcome in report.outcomes:
                news.target_ended(outcome)
            if report.failure is not None:
                raise report.failure.to_error()
            if report.is_complete:
                return
        attempts, ended = (attempts + 1 if news.ended == ended else 1), news.ended
    _log.warning("a bundle of %d targets was given up: %s", len(bundle.targets), bundle.part)


async def _read_once(reading: Reading, task: BundleTask) -> BundleReport | None:
    """Returns what came of a bundle, or None if its worker ended or failed meanwhile.

    Raises:
        PatchsweepError: the scheduler is gone.
    """
    from distributed import KilledWorker  # noqa: PLC0415 - an extra

    with scheduler_errors(reading.place):
        future = reading.client.submit(
            read_dask_bundle,
            to_text(task),
            key=_task_key(task),
            pure=False,
            priority=-task.part.index,
        )
    try:
        return from_text(await future, BundleReport)
    except CancelledError as error:
        raise gone(reading.place) from error
    except KilledWorker:
        return None
    except Exception as error:  # noqa: BLE001 - whatever a bug in a worker raises
        _log.warning("a worker failed with %s: %s", type(error).__name__, error)
        return None
    finally:
        future.release()


def _task_key(task: BundleTask) -> str:
    """Returns a name that Dask has never seen: under one it knows, it might hand out what a stopped run still reads."""
    kind = "bundle" if task.targets else "carry"
    return f"patchsweep-{task.scan.scan_id}-{kind}-{task.part.index}-{uuid4().hex}"


async def _watch_workers(reading: Reading) -> None:
    """Raises `PatchsweepError` when the cluster has had no worker for too long: a bundle would wait forever."""
    seen_at = anyio.current_time()
    while True:
        await anyio.sleep(LOOK_EVERY_S)
        with scheduler_errors(reading.place):
            has_workers = bool(await reading.client.nthreads())
        if has_workers:
            seen_at = anyio.current_time()
        elif anyio.current_time() - seen_at > NO_WORKER_PATIENCE_S:
            raise PatchsweepError(f"{reading.place} has had no worker for {NO_WORKER_PATIENCE_S:.0f} s")


async def wait_until_stored(writer: ScanWriter) -> None:
    """Waits until no worker has targets of the scan open any more, for some seconds at most, cancelled or not.

    Workers see within a second that nobody waits for their bundles, store what they have read, and end them.
    """
    with anyio.move_on_after(STOP_WITHIN_S, shield=True):
        # What other processes do shows in the store only; one that was killed leaves its list there.
        while any(not is_silent(each) for each in await writer.list_open()):  # noqa: ASYNC110 - no event tells of it
            await anyio.sleep(_STOP_PAUSE_S)


class _NewsDesk:
    """Passes the news of workers on to the observers, each target's end once."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers
        self._ended: set[Target] = set()

    @property
    def ended(self) -> int:
        """Returns how many targets have come to their end so far."""
        return len(self._ended)

    def arrived(self, news: News) -> None:
        for observer in self._observers:
            for target in news.opened:
                observer.target_opened(target, CallCounts())
            for found in news.found:
                observer.nodes_found(found.target, found.count)
        for outcome in news.ended:
            self.target_ended(outcome)

    def target_ended(self, outcome: TargetOutcome) -> None:
        if outcome.target in self._ended:
            return
        self._ended.add(outcome.target)
        for observer in self._observers:
            observer.target_ended(outcome)
