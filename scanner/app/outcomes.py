"""Adds up the outcomes of a run and of the earlier runs that it continues; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import structs

from scanner import __version__
from scanner.app.resume import ActiveScan
from scanner.core.model import CallCounts, EpochMs, NodeStatus, ScanRow, Scope, Target, TargetOutcome, TargetStatus
from scanner.core.settings import Settings
from scanner.reports.scan_row import ScanIdentity, scan_row
from scanner.store.open_scan import DoneNodes


def ended_outcomes(
    outcomes: Sequence[TargetOutcome], done: DoneNodes, carried_rows: Mapping[tuple[str, str], int]
) -> list[TargetOutcome]:
    """Returns the outcomes with what earlier runs of the scan delivered and what was carried over from earlier scans.

    A target that left the scope before the scan was resumed is included.
    """
    added = [_with_earlier(outcome, done, carried_rows) for outcome in outcomes]
    seen = {(outcome.target.account_id, outcome.target.region) for outcome in outcomes}
    return added + [_left_behind(Target(*key), done) for key in done.targets if key not in seen]


def _with_earlier(
    outcome: TargetOutcome, done: DoneNodes, carried_rows: Mapping[tuple[str, str], int]
) -> TargetOutcome:
    key = (outcome.target.account_id, outcome.target.region)
    earlier = done.targets.get(key)
    return structs.replace(
        outcome,
        nodes=outcome.nodes + (len(earlier.instance_ids) if earlier else 0),
        patch_rows=outcome.patch_rows + (earlier.patch_rows if earlier else 0) + carried_rows.get(key, 0),
    )


def _left_behind(target: Target, done: DoneNodes) -> TargetOutcome:
    earlier = done.targets[target.account_id, target.region]
    return TargetOutcome(
        target=target,
        status=TargetStatus.UNFINISHED,
        reason="it left the scope before the scan was resumed",
        nodes=len(earlier.instance_ids),
        patch_rows=earlier.patch_rows,
        requests=0,
        throttles=0,
        retries=0,
        started_at=None,
        finished_at=None,
    )


def ended_row(
    opened: ActiveScan,
    outcomes: Sequence[TargetOutcome],
    nodes: Mapping[NodeStatus, int],
    hub: CallCounts,
    *,
    finished_at: EpochMs,
) -> ScanRow:
    """Returns the `scans` row; `hub` counts the requests that belong to no target."""
    settings = opened.settings
    row = scan_row(
        ScanIdentity(
            opened.scan_id,
            started_at=opened.started_at,
            mode=settings.mode,
            states=settings.patches.states,
            scope=scope_of(settings),
            version=__version__,
        ),
        finished_at=finished_at,
        outcomes=outcomes,
        nodes=nodes,
    )
    return structs.replace(row, requests=row.requests + hub.requests, throttles=row.throttles + hub.throttles)


def scope_of(settings: Settings) -> Scope:
    """Returns the scope of these settings, as the `scans` table shows it."""
    scope, nodes = settings.scope, settings.nodes
    filters = {
        **{f"tag:{key}": values for key, values in nodes.tags.items()},
        "platform_types": nodes.platform_types,
        "ping_statuses": nodes.ping_statuses,
    }
    return Scope(
        accounts=",".join(scope.accounts),
        regions=",".join(scope.regions),
        excluded_accounts=scope.exclude_accounts,
        excluded_regions=scope.exclude_regions,
        ous=scope.ous,
        excluded_ous=scope.exclude_ous,
        are_unmanaged_gaps=settings.coverage.unmanaged == "gap",
        node_filters={name: tuple(values) for name, values in filters.items() if values},
    )
