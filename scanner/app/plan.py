"""`plan`: estimates the calls and time of a scan without reading a patch."""

from __future__ import annotations

from functools import partial

from scanner.app.demo import demo_settings, serving_demo
from scanner.app.outcomes import scope_of
from scanner.app.reading_rules import reading_rules
from scanner.aws.open import open_aws
from scanner.core.concurrency import map_bounded
from scanner.core.errors import AwsError
from scanner.core.interfaces import Fleet
from scanner.core.model import Target, TargetStatus
from scanner.core.settings import Settings
from scanner.reports.plan import Plan, PlannedTarget, planned
from scanner.scan.cost import Cost, cost
from scanner.scan.error_status import target_status_of
from scanner.scan.estimate import ListedNode


async def run_plan(settings: Settings, *, demo: bool) -> Plan:
    """Lists the nodes of every target in scope, with their patch states.

    Raises:
        ConfigError: the settings or the AWS settings in force cannot work.
        Unavailable: the organization could not be listed.
    """
    settings = demo_settings(settings) if demo else settings
    with serving_demo(demo) as access:
        async with open_aws(settings, access) as aws:
            discovery = await aws.discover()
            unreachable = [
                _planned(outcome.target, outcome.status, outcome.reason, Cost(), settings)
                for outcome in discovery.outcomes
            ]
            plan = partial(_plan_target, aws.fleet, settings)
            reachable = await map_bounded(plan, discovery.targets, settings.limits.max_open_targets)
    return Plan((*unreachable, *reachable), settings.limits, scope_of(settings))


async def _plan_target(fleet: Fleet, settings: Settings, target: Target) -> PlannedTarget:
    question = reading_rules(settings).whole
    total = Cost()
    status, reason = TargetStatus.SCANNED, None
    try:
        async with fleet.open(target) as reader:
            async for nodes in reader.nodes():
                states = await reader.patch_states([node.instance_id for node in nodes]) if nodes else {}
                # A state that cannot be decoded is estimated like one that is absent.
                known = {key: state for key, state in states.items() if not isinstance(state, AwsError)}
                listed = [ListedNode(node, known.get(node.instance_id)) for node in nodes]
                total = sum((cost(each, question, settings.patches.page_size) for each in listed), total)
    except AwsError as error:
        status, reason = target_status_of(error), str(error)
    return _planned(target, status, reason, total, settings)


def _planned(
    target: Target, status: TargetStatus, reason: str | None, total: Cost, settings: Settings
) -> PlannedTarget:
    return planned(
        target,
        status,
        reason,
        nodes=total.nodes,
        rows=total.rows,
        patch_calls=total.calls,
        settings=settings,
    )
