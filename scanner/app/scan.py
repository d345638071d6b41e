"""`scan`: from settings to a committed scan."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import BinaryIO

from msgspec import Struct, structs

from scanner.app.begin import make_plan
from scanner.app.check_outputs import check_sinks
from scanner.app.deliver import Delivery
from scanner.app.demo import serving_demo
from scanner.app.finish import alternating_baselines, commit_scan
from scanner.app.outcomes import scope_of
from scanner.app.publish import replay
from scanner.app.resume import command_here, open_scan, resume_command
from scanner.app.resume_choice import choose_scan
from scanner.app.signals import Stop, stoppable
from scanner.app.work import Work, end_work, read_targets, writing
from scanner.aws.open import open_aws
from scanner.core.concurrency import unwrap_single_error
from scanner.core.errors import CredentialsError, Interrupted
from scanner.core.interfaces import Observer, ScanSummary, Sink
from scanner.core.settings import Settings
from scanner.reports.scan_result import ScanResult
from scanner.scan.batcher import PutRead
from scanner.sinks.fan_out import GuardedSinks
from scanner.sinks.open import open_sinks
from scanner.store.history import History
from scanner.store.open import open_store


async def run_scan(
    settings: Settings,
    *,
    resume: str | None,
    demo: bool,
    observers: Sequence[Observer],
    stdout: BinaryIO,
    demo_day: int | None = None,
) -> ScanResult:
    """Reads every node in scope into the store and the sinks.

    Args:
        settings: what to do; on resume the scope, nodes, patches and mode are those the scan was started with.
        resume: None for a new scan, `latest` or the id of an unfinished one, or `LATEST_OR_NEW`.
        demo: read the embedded simulated organization.
        observers: are called with what happens while it happens.
        stdout: where a sink on `-` writes.
        demo_day: the day of the demo organization, counted from today; None: a day after its newest scan in the store.

    Raises:
        Interrupted: by a signal; every node read by then is in the store, and the message says how to continue.
        PatchsweepError: the run could not start, or the store failed; what is in the store stays resumable.
    """
    started_s = time.monotonic()
    with unwrap_single_error():
        async with stoppable() as stop, open_store(settings) as store:
            with stop.phase():
                await store.test_writes()
            choice = await choose_scan(store, settings, resume, demo=demo)
            async with (
                open_scan(store, settings, choice.resume, demo=demo, demo_day=demo_day) as scan,
                open_sinks(scan.settings, scan.scan_id, stdout) as sinks,
                aclosing(GuardedSinks(sinks.live, call_deadline_s=settings.sink_timeout_s)) as live,
            ):
                stop.when_stopped(live.hurry)
                with stop.phase():
                    await check_sinks(scan.settings, stdout)
                delivery = Delivery(store, scan, live)
                result = await _read_commit_publish(delivery, _Sinks(live, sinks.replayed), observers, stop)
                elapsed_s = time.monotonic() - started_s
                return structs.replace(result, notes=[*choice.notes, *result.notes], elapsed_s=elapsed_s)
    raise Interrupted(
        f"stopped: the store or a sink did not end in time; resume with `{resume_command(settings)}`",
        stop.signal_number or 0,
    )


class _Sinks(Struct, frozen=True):
    """The sinks that are fed while nodes arrive, and those that are sent the committed scan."""

    live: GuardedSinks
    replayed: dict[str, Sink]


async def _read_commit_publish(
    delivery: Delivery, sinks: _Sinks, observers: Sequence[Observer], stop: Stop
) -> ScanResult:
    await _read(delivery, observers, stop)
    if stop.signal_number is not None:
        raise Interrupted(_how_to_resume(delivery), stop.signal_number)
    committed = await commit_scan(delivery.scan)
    failures = await _publish(delivery, sinks, committed.summary, observers, stop)
    alternating, notes = await alternating_baselines(delivery.store, delivery.scan.scan_id)
    return ScanResult(
        scan=committed.summary.scan,
        outcomes=committed.outcomes,
        node_gaps=delivery.gaps.first,
        node_gaps_by_cause=delivery.gaps.by_cause,
        missing=delivery.tally.missing,
        failed=delivery.tally.failed,
        lacking_by_account=delivery.tally.lacking_by_account,
        sink_failures=failures,
        notes=(*delivery.scan.notes, *committed.notes, *notes),
        store=delivery.store.url,
        stale=delivery.tally.stale,
        alternating_baselines=alternating,
        oldest_installed=delivery.tally.oldest_installed,
    )


async def _read(delivery: Delivery, observers: Sequence[Observer], stop: Stop) -> None:
    """Plans the scan and reads its targets; after a signal it is incomplete, and `stop.signal_number` is set.

    Raises:
        CredentialsError: AWS does not accept the credentials of the run, or not any more; every node read by then is
            in the store, and the message says how to resume.
        PatchsweepError: the scope could not be found out, AWS rejects the request itself, or the store failed.
    """
    history: History | None = None
    refusal: CredentialsError | None = None
    async with writing(delivery) as put:
        with stop.phase():
            if delivery.scan.is_resumed:
                await delivery.repeat()
            try:
                history = await _plan_and_read(delivery, observers, put)
            except CredentialsError as error:
                # Raised only when the writer has stored what was read.
                refusal = error
    if refusal is not None:
        raise _with_resume_command(refusal, delivery) from refusal
    with stop.phase():
        await end_work(delivery, history)


async def _plan_and_read(delivery: Delivery, observers: Sequence[Observer], put: PutRead) -> History | None:
    scan = delivery.scan
    for observer in observers:
        observer.scan_opened(scope_of(scan.settings))
    with serving_demo(scan.demo, scan.clock) as access:
        async with open_aws(scan.settings, access) as aws:
            delivery.hub.watch(aws.counts)
            plan = await make_plan(delivery.store, scan, aws, delivery.hub)
            for observer in observers:
                observer.targets_found(len(plan.unreachable) + len(plan.targets))
            for outcome in plan.unreachable:
                for observer in observers:
                    observer.target_ended(outcome)
            work = Work([planned.target for planned in plan.targets], observers)
            return await read_targets(delivery, aws.fleet, work, put)


def _with_resume_command(refusal: CredentialsError, delivery: Delivery) -> CredentialsError:
    scan = delivery.scan
    if not scan.is_resumed and not delivery.tally.nodes:
        return refusal
    return CredentialsError(f"{refusal}, then resume with `{resume_command(scan.settings, scan.scan_id)}`")


def _how_to_resume(delivery: Delivery) -> str:
    scan = delivery.scan
    if not scan.is_resumed and not delivery.tally.nodes:
        return "stopped before a node was read, so there is nothing to resume"
    return f"stopped; resume with `{resume_command(scan.settings, scan.scan_id)}`"


async def _publish(
    delivery: Delivery, sinks: _Sinks, summary: ScanSummary, observers: Sequence[Observer], stop: Stop
) -> dict[str, str]:
    """Shows the committed scan in the live sinks and sends it to the others; returns the reasons of those that failed.

    Raises:
        Interrupted: a signal came before all had it.
    """
    with stop.phase():
        await sinks.live.commit(summary)
        failures = await replay(
            delivery.store, summary, sinks.replayed, delivery.scan.settings.sink_timeout_s, observers
        )
    await sinks.live.aclose()
    if stop.signal_number is not None:
        command = command_here(delivery.scan.settings, f"publish {summary.scan.scan_id}")
        raise Interrupted(
            f"stopped after the scan was committed; send it to its sinks with `{command}`", stop.signal_number
        )
    return {**{sink: str(error) for sink, error in sinks.live.failures.items()}, **failures}
