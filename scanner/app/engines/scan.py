"""`scan --dask` and `scan --workers`: one run that plans a scan, has it read by worker processes, and commits it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from msgspec import structs

from scanner.app.begin import plan_scan
from scanner.app.check_outputs import check_sinks, refuse_live_sinks
from scanner.app.engines.bundles import Bundle, bundle_targets, carry_bundles
from scanner.app.engines.dask_cluster import check_installed, open_cluster
from scanner.app.engines.messages import ScanTask
from scanner.app.engines.read_by_dask import Reading, check_workers, read_bundles, wait_until_stored
from scanner.app.finish import commit_scan, publish_and_count
from scanner.app.outcomes import scope_of
from scanner.app.resume import ActiveScan, command_here, open_scan, resume_command
from scanner.app.resume_choice import choose_scan
from scanner.app.signals import Stop, stoppable
from scanner.app.work import not_ended
from scanner.core.concurrency import unwrap_single_error
from scanner.core.errors import Interrupted, PatchsweepError
from scanner.core.interfaces import Observer
from scanner.core.settings import Settings
from scanner.core.worker_place import WorkerPlace
from scanner.reports.scan_result import ScanResult
from scanner.sinks.open import open_sinks
from scanner.store.open import open_store
from scanner.store.plan_file import ScanPlan
from scanner.store.store import Store


async def run_scan_by_workers(
    settings: Settings,
    place: WorkerPlace,
    *,
    resume: str | None,
    demo: bool,
    observers: Sequence[Observer],
    stdout: BinaryIO,
    demo_day: int | None = None,
) -> ScanResult:
    """Reads every node in scope by the workers in `place`, then commits the scan and publishes it; see `run_scan`.

    A scan of one process can be resumed by workers, and the other way round. Sinks that are fed while nodes arrive are
    refused, and observers do not hear of single nodes.

    Raises:
        Interrupted: by a signal; the message says how to continue.
        ConfigError: the extra is not installed, or a worker cannot read the scan; nothing was read then.
        PatchsweepError: the run could not start, or the store or the cluster failed; the scan stays resumable.
    """
    check_installed()
    started_s = time.monotonic()
    settings = _with_absolute_store(settings)
    with unwrap_single_error():
        async with stoppable() as stop, open_store(settings) as store:
            with stop.phase():
                await store.test_writes()
            choice = await choose_scan(store, settings, resume, demo=demo)
            async with open_scan(store, settings, choice.resume, demo=demo, demo_day=demo_day) as scan:
                with stop.phase():
                    await refuse_live_sinks(scan.settings, stdout)
                    await check_sinks(scan.settings, stdout)
                    await _read(store, scan, place, observers)
                if stop.signal_number is not None:
                    raise await _interrupted(scan, stop.signal_number)
                committed = await commit_scan(scan)
            result = await _published(store, scan, observers, stdout, stop)
            notes = (*choice.notes, *scan.notes, *committed.notes, *result.notes)
            return structs.replace(result, notes=notes, elapsed_s=time.monotonic() - started_s)
    raise Interrupted(
        f"stopped: the store or a sink did not end in time; resume with `{resume_command(settings)}`",
        stop.signal_number or 0,
    )


def _with_absolute_store(settings: Settings) -> Settings:
    """Returns the settings with a folder as store that means the same in the working folder of a worker."""
    location = settings.store.location
    if "://" in location:
        return settings
    return structs.replace(settings, store=structs.replace(settings.store, location=str(Path(location).absolute())))


async def _read(store: Store, scan: ActiveScan, place: WorkerPlace, observers: Sequence[Observer]) -> None:
    for observer in observers:
        observer.scan_opened(scope_of(scan.settings))
    task = ScanTask.from_settings(scan.scan_id, scan.settings)
    try:
        with unwrap_single_error():
            async with open_cluster(place, scan.settings.scope.external_id) as client:
                try:
                    processes = await check_workers(client, task, str(place))
                    plan = await plan_scan(store, scan)
                    bundles = _bundles(scan, plan, processes, observers)
                    fresh = [each for each in bundles if _is_fresh(scan, plan, each)]
                    reading = Reading(client, str(place), task, bundles, fresh, observers)
                    await read_bundles(reading)
                    if scan.settings.mode != "full":
                        await read_bundles(structs.replace(reading, bundles=carry_bundles(processes), fresh=()))
                except BaseException:
                    await wait_until_stored(scan.stored.writer)
                    raise
    except PatchsweepError as error:
        if await scan.stored.is_empty():
            raise
        raise type(error)(f"{error}; then resume with `{resume_command(scan.settings, scan.scan_id)}`") from error


def _bundles(scan: ActiveScan, plan: ScanPlan, processes: int, observers: Sequence[Observer]) -> list[Bundle]:
    for observer in observers:
        observer.targets_found(len(plan.unreachable) + len(plan.targets))
        for outcome in plan.unreachable:
            observer.target_ended(outcome)
    targets = [each.target for each in plan.targets]
    left = set(not_ended(scan, targets, observers))
    return bundle_targets(
        plan.targets,
        [target for target in targets if target not in left],
        processes=processes,
        open_at_once=scan.settings.limits.max_open_targets,
    )


def _is_fresh(scan: ActiveScan, plan: ScanPlan, bundle: Bundle) -> bool:
    targets = (plan.targets[number].target for number in bundle.targets)
    return not any((each.account_id, each.region) in scan.done.targets for each in targets)


async def _interrupted(scan: ActiveScan, signal_number: int) -> Interrupted:
    if await scan.stored.is_empty():
        return Interrupted("stopped before a node was read, so there is nothing to resume", signal_number)
    return Interrupted(f"stopped; resume with `{resume_command(scan.settings, scan.scan_id)}`", signal_number)


async def _published(
    store: Store, scan: ActiveScan, observers: Sequence[Observer], stdout: BinaryIO, stop: Stop
) -> ScanResult:
    with stop.phase():
        async with open_sinks(scan.settings, scan.scan_id, stdout) as sinks:
            return await publish_and_count(store, scan.scan_id, sinks, scan.settings, observers)
    raise Interrupted(
        "stopped after the scan was committed; send it to its sinks with "
        f"`{command_here(scan.settings, f'publish {scan.scan_id}')}`",
        stop.signal_number or 0,
    )
