"""Reads all targets of a scan into its store; a signal ends the reading, and every node read by then is stored."""

from __future__ import annotations

import time
from collections.abc import Sequence

import anyio
from msgspec import Struct, field

from scanner.app.deliver import Delivery
from scanner.app.demo import serving_demo
from scanner.app.history import choices, known_nodes, largest_targets_first
from scanner.app.outcomes import scope_of
from scanner.app.reading_rules import reading_rules
from scanner.app.resume import resume_command
from scanner.app.signals import Stop
from scanner.aws.open import open_aws
from scanner.core.errors import CredentialsError
from scanner.core.interfaces import Observer
from scanner.core.model import CallCounts, NodeScan, TargetOutcome
from scanner.scan.batcher import FlushRules, write_segments
from scanner.scan.job import DeliverNode, ScanJob
from scanner.scan.scan_targets import scan_targets
from scanner.store.history import History

NODES_IN_HAND = 16  # delivered nodes that wait for the writer; more would only cost memory


class Reading(Struct, frozen=True):
    """What came of reading the targets.

    `calls` counts the requests that belong to no target. `history` is what committed scans hold of the targets; None in
    full mode. `notes` say what the scope leaves out.
    """

    outcomes: Sequence[TargetOutcome] = ()
    calls: CallCounts = field(default_factory=CallCounts)
    history: History | None = None
    notes: Sequence[str] = ()


async def read_scan(delivery: Delivery, observers: Sequence[Observer], stop: Stop) -> Reading:
    """Reads every target of the scan; after a signal the result is incomplete, and `stop.signal_number` is set.

    Raises:
        CredentialsError: AWS does not accept the credentials of the run, or not any more; every node read by then is
            in the store, and the message says how to resume.
        PatchsweepError: the scope could not be found out, AWS rejects the request itself, or the store failed.
    """
    settings = delivery.scan.settings.store
    send, receive = anyio.create_memory_object_stream[NodeScan](NODES_IN_HAND)
    reading = Reading()
    refusal: CredentialsError | None = None
    async with receive, anyio.create_task_group() as writer:
        flush = FlushRules(settings.flush_rows, settings.flush_interval_s)
        writer.start_soon(write_segments, receive, delivery.put, flush)
        async with send:
            with stop.phase():
                if delivery.scan.is_resumed:
                    await delivery.repeat()
                try:
                    reading = await _read_targets(delivery, observers, send.send)
                except CredentialsError as error:
                    # Raised only when the writer has stored what was read.
                    refusal = error
    if refusal is not None:
        raise _with_resume_command(refusal, delivery) from refusal
    return reading


def _with_resume_command(refusal: CredentialsError, delivery: Delivery) -> CredentialsError:
    scan = delivery.scan
    if not scan.is_resumed and not delivery.tally.nodes:
        return refusal
    return CredentialsError(f"{refusal}, then resume with `{resume_command(scan.settings, scan.scan_id)}`")


async def _read_targets(delivery: Delivery, observers: Sequence[Observer], deliver: DeliverNode) -> Reading:
    scan, store, settings = delivery.scan, delivery.store, delivery.scan.settings
    for observer in observers:
        observer.scan_opened(scope_of(settings))
    with serving_demo(scan.demo) as access:
        async with open_aws(settings, access) as aws:
            discovery = await aws.discover()
            for observer in observers:
                observer.targets_found(len(discovery.outcomes) + len(discovery.targets))
            for outcome in discovery.outcomes:
                for observer in observers:
                    observer.target_ended(outcome)
            history = await known_nodes(store, settings, discovery.targets)
            job = ScanJob(
                rules=reading_rules(settings),
                max_open_targets=settings.limits.max_open_targets,
                deliver=deliver,
                now=time.time,
                observers=observers,
                done={key: target.instance_ids for key, target in scan.done.targets.items()},
                done_baseline_ids={key: target.baseline_ids for key, target in scan.done.targets.items()},
                choose=choices(history),
            )
            targets = await largest_targets_first(store, discovery.targets)
            outcomes = await scan_targets(targets, aws.fleet, job)
            return Reading([*discovery.outcomes, *outcomes], aws.counts, history, discovery.notes)
