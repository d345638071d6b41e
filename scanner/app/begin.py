"""Begins a scan: finds out which targets are in scope and in which order they are read, and stores that as its plan."""

from __future__ import annotations

from collections.abc import Sequence

from scanner.app.history import target_sizes
from scanner.app.hub_calls import HubCalls
from scanner.app.resume import ActiveScan
from scanner.aws.open import Aws
from scanner.aws.scope.targets import largest_first
from scanner.core.model import CallCounts
from scanner.store.ended_targets import sum_of_calls
from scanner.store.plan_file import PlannedTarget, ScanPlan
from scanner.store.store import Store


async def make_plan(store: Store, scan: ActiveScan, aws: Aws, hub: HubCalls) -> ScanPlan:
    """Lists the targets of the scope and stores the plan of the scan; that of an earlier run is replaced.

    Args:
        store: holds the last committed scan, which shows how large the targets are.
        scan: the scan that is planned.
        aws: lists the accounts and Regions.
        hub: counts the requests of `aws` that belong to no target.

    Raises:
        PatchsweepError: the scope could not be found out, or the plan could not be stored.
    """
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
