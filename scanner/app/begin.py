"""`begin`: finds out which targets are in scope and in which order they are read, and stores that as a scan's plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from msgspec import Struct

from scanner.app.check_outputs import check_sinks, refuse_live_sinks
from scanner.app.demo import serving_demo
from scanner.app.history import target_sizes
from scanner.app.hub_calls import HubCalls
from scanner.app.resume import ActiveScan, open_scan
from scanner.app.resume_choice import choose_scan
from scanner.app.signals import Stop, stoppable
from scanner.app.suspects import is_silent
from scanner.aws.open import Aws, open_aws
from scanner.aws.scope.targets import largest_first
from scanner.core.concurrency import unwrap_single_error
from scanner.core.errors import ConfigError, Interrupted, StoreBusy
from scanner.core.model import CallCounts
from scanner.core.settings import Settings
from scanner.store.ended_targets import sum_of_calls
from scanner.store.layout import is_scan_id
from scanner.store.open import open_store
from scanner.store.plan_file import PlannedTarget, ScanPlan
from scanner.store.store import Store


class Begun(Struct, frozen=True):
    """A scan that workers may read by now, with what the user should know."""

    scan_id: str
    targets: int
    notes: Sequence[str]


async def run_begin(
    settings: Settings, *, resume: str | None, demo: bool, stdout: BinaryIO, scan_id: str | None = None
) -> Begun:
    """Starts a scan that workers read and `finish` commits, or plans an unfinished one again.

    Args:
        settings: what to do; on resume the scope, nodes, patches and mode are those the scan was started with.
        resume: None for a new scan, `latest` or the id of an unfinished one, or `LATEST_OR_NEW`.
        demo: read the embedded simulated organization.
        stdout: where a sink on `-` would write.
        scan_id: the id of the scan, so that whatever starts this knows it, and may start it twice: the second time the
            scan is planned again if it is unfinished, and left alone if it is committed.

    Raises:
        ConfigError: the id is none.
        Interrupted: by a signal; nothing was planned.
        PatchsweepError: the scope could not be found out, a sink would not take the scan, or the store failed.
    """
    if scan_id is not None and not is_scan_id(scan_id):
        raise ConfigError(f"--scan-id {scan_id!a} is no scan id: give one like 20261123T210611Z-a1b2c3")
    with unwrap_single_error():
        async with stoppable() as stop, open_store(settings) as store:
            with stop.phase():
                if scan_id is not None:
                    if await store.is_committed(scan_id):
                        return Begun(scan_id, 0, [f"the scan {scan_id} is committed already"])
                    resume = scan_id if scan_id in await store.unfinished() else None
                choice = await choose_scan(store, settings, resume, demo=demo)
                async with open_scan(store, settings, choice.resume, demo=demo, new_id=scan_id) as scan:
                    await refuse_live_sinks(scan.settings, stdout)
                    await check_sinks(scan.settings, stdout)
                    plan = await plan_scan(store, scan)
                    return Begun(scan.scan_id, len(plan.targets), [*choice.notes, *scan.notes, *plan.notes])
            raise _interrupted(stop)
    raise _interrupted(stop)


def _interrupted(stop: Stop) -> Interrupted:
    return Interrupted("stopped before the scan was planned: run the same command again", stop.signal_number or 0)


async def _refuse_beside_workers(scan: ActiveScan) -> None:
    """Refuses to plan a scan again while workers read it, and forgets those that were killed: all targets are tried.

    Raises:
        StoreBusy: a worker has given a sign of life lately.
    """
    found = await scan.stored.writer.list_open()
    for each in found:
        if not is_silent(each):
            raise StoreBusy(
                f"a worker reads slice {each.open.slice} of the scan {scan.scan_id}: wait until all workers have "
                "ended; if they were killed, try again in a minute"
            )
    await scan.stored.writer.delete_open([each.open.writer for each in found])


async def plan_scan(store: Store, scan: ActiveScan) -> ScanPlan:
    """Finds out the scope of the scan and stores its plan; see `make_plan`.

    Raises:
        PatchsweepError: the scope could not be found out, or the plan could not be stored.
    """
    hub = HubCalls()
    with serving_demo(scan.demo, scan.clock) as access:
        async with open_aws(scan.settings, access) as aws:
            hub.watch(aws.counts)
            return await make_plan(store, scan, aws, hub)


async def make_plan(store: Store, scan: ActiveScan, aws: Aws, hub: HubCalls) -> ScanPlan:
    """Lists the targets of the scope and stores the plan of the scan; that of an earlier run is replaced.

    Args:
        store: holds the last committed scan, which shows how large the targets are.
        scan: the scan that is planned.
        aws: lists the accounts and Regions.
        hub: counts the requests of `aws` that belong to no target.

    Raises:
        StoreBusy: the scan is resumed, and workers read it.
        PatchsweepError: the scope could not be found out, or the plan could not be stored.
    """
    if scan.is_resumed:
        await _refuse_beside_workers(scan)
    earlier = await scan.stored.read_plan() if scan.is_resumed else None
    discovery = await aws.discover()
    sizes = await target_sizes(store)
    ordered = largest_first(discovery.targets, sizes)
    before: Sequence[CallCounts] = [] if earlier is None else [earlier.calls]
    plan = ScanPlan(
        targets=tuple(PlannedTarget(each, sizes.get((each.account_id, each.region), 0)) for each in ordered),
        unreachable=tuple(discovery.outcomes),
        calls=sum_of_calls([*before, hub.take()]),
        notes=tuple(discovery.notes),
    )
    await scan.stored.write_plan(plan)
    return plan
