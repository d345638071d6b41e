"""Adds up the outcomes of a scan from what its segments hold; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
from msgspec import structs

from scanner import __version__
from scanner.app.resume import ActiveScan
from scanner.core.model import CallCounts, EpochMs, ScanRow, Scope, Target, TargetOutcome, TargetStatus
from scanner.core.settings import Settings
from scanner.reports.scan_row import ScanIdentity, scan_row
from scanner.store.ended_targets import sum_of_calls
from scanner.store.plan_file import PlannedTarget
from scanner.store.survey import Survey
from scanner.store.target_records import NOTHING_HELD, TargetCounts, best_record

NOT_READ = "no worker has read it to its end"
LEFT_SCOPE = "it left the scope before the scan was resumed"


def final_outcomes(survey: Survey) -> list[TargetOutcome]:
    """Returns an outcome for each target of the scan, its nodes and rows counted from the segments.

    Targets whose record says more than the segments hold are `unfinished` here; the commit refuses them.
    """
    outcomes = [*survey.plan.unreachable, *(_outcome(survey, each) for each in survey.plan.targets)]
    seen = {(outcome.target.account_id, outcome.target.region) for outcome in outcomes}
    left = [key for key in survey.counts if key not in seen]
    return outcomes + [_unfinished(Target(*key), LEFT_SCOPE, survey.counts[key]) for key in left]


def _outcome(survey: Survey, planned: PlannedTarget) -> TargetOutcome:
    key = (planned.target.account_id, planned.target.region)
    held = survey.counts.get(key, NOTHING_HELD)
    best = best_record(survey.records.get(key, ()), held)
    return _unfinished(planned.target, NOT_READ, held) if best is None else best


def _unfinished(target: Target, reason: str, held: TargetCounts) -> TargetOutcome:
    return TargetOutcome(
        target=target,
        status=TargetStatus.UNFINISHED,
        reason=reason,
        nodes=held.nodes,
        patch_rows=held.patch_rows,
        requests=0,
        throttles=0,
        retries=0,
        started_at=None,
        finished_at=None,
    )


def stored_outcomes(targets: pa.Table) -> list[TargetOutcome]:
    """Returns the outcomes in the `targets` table of a committed scan, less their baselines."""
    times = {name: targets.column(name).cast(pa.int64()) for name in ("started_at", "finished_at")}
    rows = pa.table({**{name: targets.column(name) for name in targets.column_names}, **times}).to_pylist()
    return [
        TargetOutcome(
            target=Target(row["account_id"], row["region"], row["account_name"], row["ou_path"]),
            status=TargetStatus(row["status"]),
            reason=row["reason"],
            nodes=row["nodes"],
            patch_rows=row["patch_rows"],
            requests=row["requests"],
            throttles=row["throttles"],
            retries=row["retries"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            not_asked=tuple(row["not_asked"].split("; ")) if row["not_asked"] else (),
        )
        for row in rows
    ]


def final_row(scan: ActiveScan, survey: Survey, outcomes: Sequence[TargetOutcome], finished_at: EpochMs) -> ScanRow:
    """Returns the `scans` row of a scan whose targets ended with these outcomes."""
    hub = sum_of_calls([survey.plan.calls, survey.ended.calls])
    return ended_row(scan, outcomes, survey.nodes, hub, finished_at=finished_at)


def ended_row(
    opened: ActiveScan,
    outcomes: Sequence[TargetOutcome],
    nodes: Mapping[str, int],
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
