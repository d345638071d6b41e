"""Reads the targets of a plan into the store; a signal ends the reading, and every node read by then is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
from msgspec import Struct, structs

from scanner.app.deliver import Delivery
from scanner.app.history import choices, history_notes, known_nodes
from scanner.app.reading_rules import reading_rules
from scanner.app.resume import ActiveScan
from scanner.core.interfaces import Fleet, Observer
from scanner.core.model import Target
from scanner.scan.batcher import FlushRules, PutRead, Read, write_segments
from scanner.scan.filter_measure import FilterMeasure
from scanner.scan.job import ScanJob
from scanner.scan.scan_targets import scan_targets
from scanner.store.history import History

NODES_IN_HAND = 16  # delivered nodes that wait for the writer; more would only cost memory


@asynccontextmanager
async def writing(delivery: Delivery) -> AsyncIterator[PutRead]:
    """Yields what takes nodes and the outcomes of targets, in their order; all is stored when the block has ended.

    Raises:
        StoreError: something could not be stored.
    """
    settings = delivery.scan.settings.store
    send, receive = anyio.create_memory_object_stream[Read](NODES_IN_HAND)
    async with receive, anyio.create_task_group() as writer:
        flush = FlushRules(settings.flush_rows, settings.flush_interval_s)
        writer.start_soon(write_segments, receive, delivery.put, flush)
        async with send:

            async def put(read: Read) -> None:
                try:
                    # `send` gives way to other tasks twice, though who puts a node waits for AWS before the next one.
                    send.send_nowait(read)
                except anyio.WouldBlock:
                    await send.send(read)

            yield put


class Work(Struct, frozen=True):
    """What one process reads: these targets, less those that the scan holds already; the last ones one at a time."""

    targets: Sequence[Target]
    observers: Sequence[Observer] = ()
    alone: int = 0  # how many of the last targets are read after all others, one at a time


async def read_targets(delivery: Delivery, fleet: Fleet, work: Work, put: PutRead) -> History | None:
    """Reads every target that is not done; returns what committed scans hold of them, None in full mode.

    Targets that an earlier run of the scan has read to their end are not opened again.

    Raises:
        CredentialsError: AWS does not accept the credentials of the run, or not any more.
        PatchsweepError: AWS rejects the request itself, or the store failed.
    """
    side_by_side, alone = work.targets[: len(work.targets) - work.alone], work.targets[len(work.targets) - work.alone :]
    targets = not_ended(delivery.scan, side_by_side, work.observers)
    history = await known_nodes(delivery.store, delivery.scan.settings, [*targets, *alone], delivery.scan.clock)
    delivery.filtering = FilterMeasure(await delivery.store.filtered_pages(int(delivery.scan.clock() * 1000)))
    if history is not None:
        delivery.carry_from(history)
    job = _job(delivery, history, work.observers, put)
    await scan_targets(targets, fleet, job)
    await scan_targets(alone, fleet, structs.replace(job, max_open_targets=1))
    return history


def not_ended(scan: ActiveScan, targets: Sequence[Target], observers: Sequence[Observer]) -> list[Target]:
    """Returns the targets that are left to read; the outcomes of the others are shown as they are stored."""
    left = []
    for target in targets:
        ended = scan.done.ended.get((target.account_id, target.region))
        if ended is None:
            left.append(target)
        else:
            for observer in observers:
                observer.target_ended(ended)
    return left


def _job(delivery: Delivery, history: History | None, observers: Sequence[Observer], put: PutRead) -> ScanJob:
    settings, done = delivery.scan.settings, delivery.scan.done
    return ScanJob(
        rules=reading_rules(settings),
        max_open_targets=settings.limits.max_open_targets,
        deliver=put,
        end_target=put,
        now=delivery.scan.clock,
        observers=observers,
        done={key: target.instance_ids for key, target in done.targets.items()},
        done_baseline_ids={key: target.baseline_ids for key, target in done.targets.items()},
        choose=choices(settings, history, delivery.scan.clock),
        filtering=delivery.filtering,
    )


async def end_work(delivery: Delivery, history: History | None) -> None:
    """Gives the nodes that still wait their stored rows, and records the targets that waited for them.

    Raises:
        StoreError: they could not be stored.
    """
    await delivery.carry_over()
    measured = delivery.filtering.measured
    if not delivery.scan.demo:
        await delivery.store.keep_filtered_pages(measured, int(delivery.scan.clock() * 1000))
    await delivery.end([*history_notes(delivery.scan.settings, history), *filter_notes(delivery)])


def filter_notes(delivery: Delivery) -> list[str]:
    """Returns what the user of a lean scan should know of filters that save nothing."""
    if delivery.scan.settings.mode != "lean" or delivery.filtering.is_cheap is not False:
        return []
    return ["lean: AWS filters patches only after it cuts pages, so nodes that lack something were read whole"]
