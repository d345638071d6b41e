"""`finish`: commits what the processes of a scan have stored, and sends it to the sinks."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import BinaryIO

import anyio
from msgspec import Struct, structs

from scanner.app.carry import carry_over
from scanner.app.check_outputs import refuse_live_sinks
from scanner.app.demo import demo_settings, scan_clock
from scanner.app.outcomes import final_outcomes, final_row, stored_outcomes
from scanner.app.resume import ActiveScan, check_sink_secrets, command_here, no_plan, requested_settings
from scanner.app.signals import Stop, stoppable
from scanner.core.concurrency import unwrap_single_error
from scanner.core.errors import Interrupted, PatchsweepError, SinkError, StoreBusy, StoreError
from scanner.core.interfaces import NodeBatch, Observer, ScanSummary
from scanner.core.model import TargetOutcome
from scanner.core.settings import Settings
from scanner.core.statistics import AlternatingBaselines
from scanner.reports.scan_result import NodeGaps, ScanResult
from scanner.reports.stored_gaps import GAP_COLUMNS, add_gaps
from scanner.reports.tally import TALLY_NODES, TALLY_PATCHES, TALLY_STATES, Tally
from scanner.sinks.open import RunSinks, open_sinks
from scanner.sinks.publish import publish
from scanner.store.done_nodes import DoneNodes
from scanner.store.open import open_store
from scanner.store.segment_part import SegmentPart
from scanner.store.store import Store

BUSY_PATIENCE_S = 120.0  # for another `finish` of the same scan: the commit of a million nodes takes 14 s
BUSY_PAUSE_S = 1.0


#: What the counts of a scan are made from: a tenth of the CPU of all that it holds.
COUNTED = SegmentPart(tuple(dict.fromkeys((*TALLY_NODES, *GAP_COLUMNS))), TALLY_PATCHES, TALLY_STATES)


class Committed(Struct, frozen=True):
    """A scan that was committed by now, with the outcome of each target and what the user should know."""

    summary: ScanSummary
    outcomes: Sequence[TargetOutcome]
    notes: Sequence[str]


async def commit_scan(scan: ActiveScan) -> Committed:
    """Commits the scan with every count taken from its segments; nodes that workers left without rows get them first.

    Raises:
        PatchsweepError: nothing was read of any target; nothing is committed then.
        StoreError: nodes were lost, or another process has the scan; nothing is committed then.
    """
    survey = await scan.stored.survey()
    if survey.plan.targets and not survey.records and not survey.segments.segments and not survey.segments.thin:
        command = command_here(scan.settings, f"work {scan.scan_id}")
        raise PatchsweepError(
            f"no worker has read a target of the scan {scan.scan_id}, so nothing was committed: run `{command}` first"
        )
    if survey.segments.thin:
        await carry_over(scan, await scan.stored.left_nodes(survey.segments))
        survey = await scan.stored.survey()
    outcomes = final_outcomes(survey)
    row = final_row(scan, survey, outcomes, int(scan.clock() * 1000))
    summary = await scan.stored.commit(row, outcomes, survey)
    ignored = [f"{file.name} was not used: {file.reason}" for file in survey.ended.ignored]
    return Committed(summary, outcomes, [*survey.plan.notes, *survey.ended.notes, *ignored])


async def run_finish(
    settings: Settings, scan_id: str, *, observers: Sequence[Observer], stdout: BinaryIO
) -> ScanResult:
    """Commits a scan that workers have read, and sends it to its sinks; of a committed one it only does the latter.

    A target that no worker has read to its end is `unfinished`, and the rest is committed all the same.

    Args:
        settings: the store, and the sinks if others are meant than those the scan was begun with.
        scan_id: a scan that `begin` planned.
        observers: are called with what happens while it happens.
        stdout: where a sink on `-` would write.

    Raises:
        Interrupted: by a signal; the message says what is left to do.
        ScanNotFound: there is no such scan.
        ConfigError: the scan has no plan, or a sink cannot work.
        StoreError: nodes that were read are not in the store any more; the text names their targets.
    """
    started_s = time.monotonic()
    with unwrap_single_error():
        async with stoppable() as stop, open_store(settings) as store:
            if not await store.is_committed(scan_id):
                scan_id = await store.resolve_unfinished(scan_id)
            header = await store.header(scan_id)
            settings = requested_settings(header.request, demo_settings(settings) if header.demo else settings)
            check_sink_secrets(settings.sinks)
            await refuse_live_sinks(settings, stdout)
            notes = await _commit_once(store, scan_id, settings, stop)
            with stop.phase():
                async with open_sinks(settings, scan_id, stdout) as sinks:
                    result = await publish_and_count(store, scan_id, sinks, settings, observers)
                return structs.replace(result, notes=(*notes, *result.notes), elapsed_s=time.monotonic() - started_s)
    raise Interrupted(
        f"stopped before all sinks had the scan: run `{command_here(settings, f'finish {scan_id}')}` again",
        stop.signal_number or 0,
    )


async def _commit_once(store: Store, scan_id: str, settings: Settings, stop: Stop) -> Sequence[str]:
    """Commits the scan unless it is committed already, by another `finish` at this moment too; returns notes.

    A signal ends the waiting for another process; a commit that has begun goes on to its end.
    """
    give_up_at = anyio.current_time() + BUSY_PATIENCE_S
    while stop.signal_number is None and not await store.is_committed(scan_id):
        try:
            return await _commit_held(store, scan_id, settings)
        except StoreBusy:
            # Another process holds the scan, has taken it over from this one, which stood still, or has committed it.
            if anyio.current_time() > give_up_at:
                raise
        if not await store.is_committed(scan_id):
            with stop.phase():
                await anyio.sleep(BUSY_PAUSE_S)
    return ()


async def _commit_held(store: Store, scan_id: str, settings: Settings) -> Sequence[str]:
    """Commits the scan, while no other process may; returns notes.

    Raises:
        StoreBusy: another process has it.
    """
    async with store.open_scan(scan_id) as stored:
        if await store.is_committed(scan_id):
            return ()
        if await stored.read_plan() is None:
            raise no_plan(settings, scan_id)
        header = await store.header(scan_id)
        nothing = DoneNodes({}, [])
        clock = scan_clock(header.started_at, demo=header.demo)
        scan = ActiveScan(stored, header.started_at, settings, header.demo, is_resumed=True, done=nothing, clock=clock)
        return (await commit_scan(scan)).notes


async def publish_and_count(
    store: Store, scan_id: str, sinks: RunSinks, settings: Settings, observers: Sequence[Observer]
) -> ScanResult:
    """Sends the committed scan to its sinks and counts it meanwhile: what it holds is shown, not what workers said.

    Raises:
        StoreError: the scan cannot be read.
    """
    summary = await store.summary(scan_id)
    gaps = NodeGaps(summary.scan.scope)
    tally = Tally(settings.stale_after_days, lambda: summary.scan.finished_at / 1000)
    for observer in observers:
        observer.scan_opened(summary.scan.scope)
        if sinks.all:
            observer.publishing([*sinks.all], summary.scan.patch_rows)
    count = partial(_counted, tally=tally, gaps=gaps, observers=observers if sinks.all else ())
    failures = await _sent(store, summary, sinks, settings, count)
    alternating, notes = await alternating_baselines(store, scan_id)
    return ScanResult(
        scan=summary.scan,
        outcomes=stored_outcomes(summary.targets),
        node_gaps=gaps.first,
        node_gaps_by_cause=gaps.by_cause,
        missing=tally.missing,
        failed=tally.failed,
        lacking_by_account=tally.lacking_by_account,
        sink_failures={sink: str(error) for sink, error in failures.items()},
        notes=notes,
        store=store.url,
        stale=tally.stale,
        alternating_baselines=alternating,
        oldest_installed=tally.oldest_installed,
    )


async def _sent(
    store: Store,
    summary: ScanSummary,
    sinks: RunSinks,
    settings: Settings,
    count: Callable[[AsyncIterable[NodeBatch]], AsyncGenerator[NodeBatch, None]],
) -> Mapping[str, SinkError]:
    """Sends the scan to its sinks and returns the errors of those that failed; `count` sees it all, with none too."""
    scan_id = summary.scan.scan_id
    failures: Mapping[str, SinkError] = {}
    if sinks.all:
        with unwrap_single_error():
            async with store.replaying(scan_id) as stored, aclosing(count(stored)) as batches:
                failures = await publish(batches, summary, sinks.all, call_deadline_s=settings.sink_timeout_s)
                # No sink is left that takes more, and the counts are those of the whole scan.
                async for _ in batches:
                    pass
    else:
        async with aclosing(count(store.replay_part(scan_id, COUNTED))) as batches:
            async for _ in batches:
                pass
    return failures


async def alternating_baselines(store: Store, scan_id: str) -> tuple[AlternatingBaselines, Sequence[str]]:
    """Returns the machines whose baseline alternates, or a note: the scan is committed, whatever cannot be read."""
    try:
        statistics = (await store.manifest(scan_id)).statistics
    except StoreError as error:
        return AlternatingBaselines(), [f"whether patch baselines alternate from scan to scan is not known: {error}"]
    return AlternatingBaselines() if statistics is None else statistics.alternating_baselines, ()


async def _counted(
    batches: AsyncIterable[NodeBatch], tally: Tally, gaps: NodeGaps, observers: Sequence[Observer]
) -> AsyncGenerator[NodeBatch, None]:
    async for batch in batches:
        await tally.count(batch)
        add_gaps(gaps, batch.nodes)
        yield batch
        for observer in observers:
            observer.rows_published(batch.patches.num_rows)
