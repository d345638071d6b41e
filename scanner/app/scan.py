"""`scan`: from settings to a committed scan."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import BinaryIO

import anyio
from msgspec import Struct

from scanner.app.deliver import Delivery
from scanner.app.demo import demo_organization
from scanner.app.history import history_notes, in_reading_order, known_nodes
from scanner.app.outcomes import ended_outcomes, ended_row, scope_of
from scanner.app.publish import replay
from scanner.app.resume import Opened, open_scan, resume_command
from scanner.app.signals import Stop, stoppable
from scanner.aws.open import open_aws
from scanner.core.concurrency import unwrap_single_error
from scanner.core.errors import Interrupted
from scanner.core.interfaces import Observer
from scanner.core.model import CallCounts, NodeScan, TargetOutcome
from scanner.core.settings import Settings
from scanner.reports.scan_result import GapObserver, ScanResult
from scanner.reports.tally import Tally
from scanner.scan.batcher import FlushRules, write_segments
from scanner.scan.job import DeliverNode, ReadingRules, ScanJob, never_unchanged
from scanner.scan.reconcile import comparable_states
from scanner.scan.scan_targets import scan_targets
from scanner.sinks.fan_out import GuardedSinks
from scanner.sinks.open import RunSinks, open_sinks
from scanner.store.history import History
from scanner.store.open import open_store
from scanner.store.store import Store

NODES_IN_HAND = 16
"""Delivered nodes that wait for the writer; more would only cost memory."""


class _Run(Struct, frozen=True):
    """The parts of one run."""

    opened: Opened
    store: Store
    sinks: RunSinks
    live: GuardedSinks
    tally: Tally
    stop: Stop
    observers: Sequence[Observer]
    gaps: GapObserver
    began_s: float


async def run_scan(
    settings: Settings, *, resume: str | None, demo: bool, observers: Sequence[Observer], stdout: BinaryIO
) -> ScanResult:
    """Read every node in scope into the store and the sinks.

    Args:
        settings: what to do; on resume the scope, nodes, patches and mode are those the scan was begun with.
        resume: None for a new scan, `latest` or the id of an unfinished one.
        demo: read the embedded simulated organization.
        observers: told what happens while it happens.
        stdout: where a sink on `-` writes.

    Raises:
        Interrupted: by a signal; what was read whole is in the store, and the message says how to go on.
        PatchsweepError: the run could not start, or the store failed; what is in the store stays resumable.
    """
    began_s = time.monotonic()
    with unwrap_single_error():
        async with (
            stoppable() as stop,
            open_store(settings) as store,
            open_scan(store, settings, resume, demo=demo) as opened,
            open_sinks(opened.settings, opened.scan_id, stdout) as sinks,
        ):
            live = GuardedSinks(sinks.live, call_deadline_s=settings.sink_timeout_s)
            stop.tell(live.hurry)
            gaps = GapObserver()
            run = _Run(opened, store, sinks, live, Tally(), stop, [*observers, gaps], gaps, began_s)
            try:
                return await _scan_and_commit(run)
            finally:
                await live.aclose()
    raise Interrupted(
        f"stopped: the store or a sink did not end in time; go on with `{resume_command(settings)}`",
        stop.signal_number or 0,
    )


async def _scan_and_commit(run: _Run) -> ScanResult:
    with demo_organization() if run.opened.demo else nullcontext():
        outcomes, hub, notes = await _read(run)
    row = ended_row(run.opened, outcomes, run.tally.nodes, hub, finished_at=int(time.time() * 1000))
    summary = await run.store.commit(row, outcomes)
    with run.stop.phase():
        await run.live.commit(summary)
        failures = await replay(run.store, summary, run.sinks.replayed, run.opened.settings.sink_timeout_s)
    await run.live.aclose()
    if run.stop.signal_number is not None:
        again = f"patchsweep publish {row.scan_id}"
        raise Interrupted(
            f"stopped after the scan was committed; send it to its sinks with `{again}`", run.stop.signal_number
        )
    return ScanResult(
        scan=summary.scan,
        outcomes=tuple(outcomes),
        node_gaps=tuple(run.gaps.gaps),
        missing=run.tally.missing,
        failed=run.tally.failed,
        lacking_by_account=run.tally.lacking_by_account,
        sink_failures={**{sink: str(error) for sink, error in run.live.failures.items()}, **failures},
        notes=(*run.opened.notes, *notes),
        store=run.store.url,
        elapsed_s=time.monotonic() - run.began_s,
    )


async def _read(run: _Run) -> tuple[list[TargetOutcome], CallCounts, list[str]]:
    """Read all targets into the store; a signal ends the reading, and what was read whole is stored all the same.

    Gives the outcomes, the calls made for no target, and notes.
    """
    store = run.opened.settings.store
    delivery = Delivery(run.store, run.opened.scan_id, run.tally, run.live)
    send, receive = anyio.create_memory_object_stream[NodeScan](NODES_IN_HAND)
    outcomes: list[TargetOutcome] = []
    hub = CallCounts()
    past: History | None = None
    async with receive, anyio.create_task_group() as writer:
        flush = FlushRules(store.flush_rows, store.flush_interval_s)
        writer.start_soon(write_segments, receive, delivery.put, flush)
        async with send:
            with run.stop.phase():
                if run.opened.is_resumed:
                    await delivery.repeat()
                for observer in run.observers:
                    observer.scan_opened(scope_of(run.opened.settings))
                async with open_aws(run.opened.settings) as aws:
                    hub = aws.counts
                    discovery = await aws.discover()
                    for outcome in discovery.outcomes:
                        for observer in run.observers:
                            observer.target_ended(outcome)
                    targets = await in_reading_order(run.store, discovery.targets)
                    past = await known_nodes(run.store, run.opened.settings, discovery.targets)
                    job = _job(run, send.send, past)
                    outcomes = [*discovery.outcomes, *await scan_targets(targets, aws.fleet, job)]
    if run.stop.signal_number is None and past is not None:
        with run.stop.phase():
            await delivery.carry_over(past)
    if run.stop.signal_number is not None:
        raise Interrupted(_stopped(run), run.stop.signal_number)
    return ended_outcomes(outcomes, run.opened.done, delivery.carried_rows), hub, history_notes(past)


def _stopped(run: _Run) -> str:
    if not run.opened.is_resumed and not run.tally.nodes:
        return "stopped before a node was read, so there is nothing to go on from"
    return f"stopped; go on with `{resume_command(run.opened.settings, run.opened.scan_id)}`"


def _job(run: _Run, deliver: DeliverNode, past: History | None) -> ScanJob:
    settings = run.opened.settings
    return ScanJob(
        rules=_rules(settings),
        max_open_targets=settings.limits.max_open_targets,
        deliver=deliver,
        now=time.time,
        observers=run.observers,
        done={key: target.instance_ids for key, target in run.opened.done.targets.items()},
        is_unchanged=never_unchanged if past is None else past.is_unchanged,
    )


def _rules(settings: Settings) -> ReadingRules:
    patches = settings.patches
    return ReadingRules(
        states=patches.states,
        comparable=comparable_states(
            patches.states, other_filters=bool(patches.severities or patches.classifications or patches.kb_ids)
        ),
        max_nodes=settings.limits.max_nodes_per_target,
        max_restarts=settings.limits.max_node_restarts,
    )
