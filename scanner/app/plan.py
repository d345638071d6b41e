"""`plan`: estimates the calls and time of a scan without reading a patch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from msgspec import Struct

from scanner.app.demo import demo_settings, serving_demo
from scanner.app.history import choices, known_nodes
from scanner.app.outcomes import scope_of
from scanner.app.reading_rules import reading_rules
from scanner.aws.open import open_aws
from scanner.core.concurrency import map_bounded
from scanner.core.errors import AwsError
from scanner.core.filtered_pages import FilteredPages
from scanner.core.interfaces import Fleet
from scanner.core.model import ManagedNode, PatchState, Target, TargetStatus
from scanner.core.settings import Settings
from scanner.reports.plan import PatchCalls, Plan, PlannedTarget, planned
from scanner.scan.choice import CarryAll, Choose, Refresh, always_read_whole
from scanner.scan.cost import Cost, cost, expected_calls
from scanner.scan.error_status import target_status_of
from scanner.scan.estimate import ListedNode
from scanner.scan.question import REFRESH, Question
from scanner.store.open import open_store


class _Basis(Struct, frozen=True):
    """What the estimates rest on besides AWS's counts: what is done with each node, and what filters cost."""

    settings: Settings
    whole: Question
    choose: Choose = always_read_whole
    filtering: FilteredPages = FilteredPages()


async def run_plan(settings: Settings, *, demo: bool) -> Plan:
    """Lists the nodes of every target in scope, with their patch states.

    Raises:
        ConfigError: the settings or the AWS settings in force cannot work.
        StoreError: the scans that a delta or lean scan would compare with cannot be listed.
        Unavailable: the organization could not be listed.
    """
    settings = demo_settings(settings) if demo else settings
    with serving_demo(demo) as access:
        async with open_aws(settings, access) as aws:
            discovery = await aws.discover()
            basis = await _basis(settings, discovery.targets)
            unreachable = [
                _planned(outcome.target, outcome.status, outcome.reason, Cost(), basis)
                for outcome in discovery.outcomes
            ]
            plan = partial(_plan_target, aws.fleet, basis)
            reachable = await map_bounded(plan, discovery.targets, settings.limits.max_open_targets)
    return Plan((*unreachable, *reachable), settings.limits, scope_of(settings))


async def _basis(settings: Settings, targets: Sequence[Target]) -> _Basis:
    """Reads from the store what bears on the cost: nothing where every node is read without a filter."""
    whole = reading_rules(settings).whole
    if settings.mode == "full" and not whole.states:
        return _Basis(settings, whole)
    async with open_store(settings) as store:
        filtering = await store.filtered_pages(int(time.time() * 1000))
        history = await known_nodes(store, settings, targets, time.time)
    return _Basis(settings, whole, choices(settings, history, time.time), filtering)


async def _plan_target(fleet: Fleet, basis: _Basis, target: Target) -> PlannedTarget:
    total = Cost()
    status, reason = TargetStatus.SCANNED, None
    try:
        async with fleet.open(target) as reader:
            async for nodes in reader.nodes():
                states = await reader.patch_states([node.instance_id for node in nodes]) if nodes else {}
                # A state that cannot be decoded is estimated like one that is absent.
                known = {key: state for key, state in states.items() if not isinstance(state, AwsError)}
                total = sum((_cost(basis, target, node, known.get(node.instance_id)) for node in nodes), total)
    except AwsError as error:
        status, reason = target_status_of(error), str(error)
    return _planned(target, status, reason, total, basis)


def _cost(basis: _Basis, target: Target, node: ManagedNode, state: PatchState | None) -> Cost:
    listed, page_size = ListedNode(node, state), basis.settings.patches.page_size
    choice = None if state is None else basis.choose(target, state)
    if isinstance(choice, CarryAll):
        return Cost(nodes=1)
    if isinstance(choice, Refresh) and (basis.filtering.is_cheap is not False or REFRESH.expects_nothing(listed)):
        return cost(listed, REFRESH, page_size)
    return cost(listed, basis.whole, page_size)


def _planned(target: Target, status: TargetStatus, reason: str | None, total: Cost, basis: _Basis) -> PlannedTarget:
    fewest, most = expected_calls(total, basis.filtering)
    return planned(
        target,
        status,
        reason,
        nodes=total.nodes,
        rows=total.rows,
        patch_calls=PatchCalls(fewest, most),
        settings=basis.settings,
    )
