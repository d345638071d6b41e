"""`scan`: from settings to a committed scan."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import BinaryIO

from msgspec import structs

from scanner.app.check_outputs import check_sinks
from scanner.app.deliver import Delivery
from scanner.app.history import history_notes
from scanner.app.outcomes import ended_outcomes, ended_row
from scanner.app.publish import replay
from scanner.app.read_scan import Reading, read_scan
from scanner.app.resume import open_scan, resume_command
from scanner.app.resume_choice import choose_scan
from scanner.app.signals import Stop, stoppable
from scanner.core.concurrency import unwrap_single_error
from scanner.core.errors import Interrupted
from scanner.core.interfaces import Observer, ScanSummary, Sink
from scanner.core.model import TargetOutcome
from scanner.core.settings import Settings
from scanner.reports.scan_result import GapObserver, ScanResult
from scanner.sinks.fan_out import GuardedSinks
from scanner.sinks.open import open_sinks
from scanner.store.open import open_store


async def run_scan(
    settings: Settings, *, resume: str | None, demo: bool, observers: Sequence[Observer], stdout: BinaryIO
) -> ScanResult:
    """Reads every node in scope into the store and the sinks.

    Args:
        settings: what to do; on resume the scope, nodes, patches and mode are those the scan was started with.
        resume: None for a new scan, `latest` or the id of an unfinished one, or `LATEST_OR_NEW`.
        demo: read the embedded simulated organization.
        observers: are called with what happens while it happens.
        stdout: where a sink on `-` writes.

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
                open_scan(store, settings, choice.resume, demo=demo) as scan,
                open_sinks(scan.settings, scan.scan_id, stdout) as sinks,
                aclosing(GuardedSinks(sinks.live, call_deadline_s=settings.sink_timeout_s)) as live,
            ):
                stop.when_stopped(live.hurry)
                with stop.phase():
                    await check_sinks(scan.settings, stdout)
                delivery = Delivery(store, scan, live)
                result = await _read_commit_publish(delivery, sinks.replayed, observers, stop)
                elapsed_s = time.monotonic() - started_s
                return structs.replace(result, notes=[*choice.notes, *result.notes], elapsed_s=elapsed_s)
    raise Interrupted(
        f"stopped: the store or a sink did not end in time; resume with `{resume_command(settings)}`",
        stop.signal_number or 0,
    )


async def _read_commit_publish(
    delivery: Delivery, replayed: dict[str, Sink], observers: Sequence[Observer], stop: Stop
) -> ScanResult:
    gaps = GapObserver()
    reading = await read_scan(delivery, [*observers, gaps], stop)
    outcomes = await _carry_over(delivery, reading, stop)
    row = ended_row(delivery.scan, outcomes, delivery.tally.nodes, reading.calls, finished_at=int(time.time() * 1000))
    summary = await delivery.scan.stored.commit(row, outcomes)
    failures = await _publish(delivery, replayed, summary, observers, stop)
    return ScanResult(
        scan=summary.scan,
        outcomes=outcomes,
        node_gaps=gaps.gaps,
        node_gaps_by_cause=gaps.by_cause,
        missing=delivery.tally.missing,
        failed=delivery.tally.failed,
        lacking_by_account=delivery.tally.lacking_by_account,
        sink_failures=failures,
        notes=(
            *delivery.scan.notes,
            *reading.notes,
            *history_notes(reading.history),
            *(f"missing since: {sentence}" for sentence in delivery.scan.stored.history_problems),
        ),
        store=delivery.store.url,
        stale=delivery.tally.stale,
    )


async def _carry_over(delivery: Delivery, reading: Reading, stop: Stop) -> list[TargetOutcome]:
    """Gives the unchanged nodes their stored rows; returns the outcomes of the whole scan.

    Raises:
        Interrupted: a signal came by now; nothing is committed.
    """
    if reading.history is not None:
        with stop.phase():
            await delivery.carry_over(reading.history)
    if stop.signal_number is not None:
        raise Interrupted(_how_to_resume(delivery), stop.signal_number)
    return ended_outcomes(reading.outcomes, delivery.scan.done, delivery.carried_rows)


def _how_to_resume(delivery: Delivery) -> str:
    scan = delivery.scan
    if not scan.is_resumed and not delivery.tally.nodes:
        return "stopped before a node was read, so there is nothing to resume"
    return f"stopped; resume with `{resume_command(scan.settings, scan.scan_id)}`"


async def _publish(
    delivery: Delivery, replayed: dict[str, Sink], summary: ScanSummary, observers: Sequence[Observer], stop: Stop
) -> dict[str, str]:
    """Shows the committed scan in the live sinks and sends it to the others; returns the reasons of those that failed.

    Raises:
        Interrupted: a signal came before all had it.
    """
    live = delivery.live
    with stop.phase():
        await live.commit(summary)
        failures = await replay(delivery.store, summary, replayed, delivery.scan.settings.sink_timeout_s, observers)
    await live.aclose()
    if stop.signal_number is not None:
        command = f"patchsweep publish {summary.scan.scan_id}"
        raise Interrupted(
            f"stopped after the scan was committed; send it to its sinks with `{command}`", stop.signal_number
        )
    return {**{sink: str(error) for sink, error in live.failures.items()}, **failures}
