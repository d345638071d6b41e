"""Which numbers a run gives, whatever system takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from scanner.core.model import ScanStatus
from scanner.reports.scan_result import ScanResult

MILLISECONDS = 1000


class Metric(Struct, frozen=True):
    """One number, in `unit`: `seconds`, or "" for a count. `label` is the name and value that tell it from others."""

    name: str
    help: str
    value: float
    label: tuple[str, str] | None = None
    unit: str = ""


def run_metrics(exit_code: int, ended_at_s: float, *, is_committed: bool) -> list[Metric]:
    """Returns what there is of every run, one that committed no scan too."""
    return [
        Metric("exit_code", "Exit code of the newest run: 0 complete, 1 failed, 2 wrong usage, 3 partial.", exit_code),
        Metric("scan_committed", "Whether the newest run committed a scan.", int(is_committed)),
        Metric("run_end_timestamp_seconds", "When the newest run ended, since 1970.", ended_at_s, unit="seconds"),
    ]


def scan_metrics(result: ScanResult, exit_code: int) -> list[Metric]:
    """Returns the numbers of a committed scan."""
    scan, scope = result.scan, result.scan.scope
    ended_s = scan.finished_at / MILLISECONDS
    nodes, targets = sum(scan.nodes.values()), sum(scan.targets.values())
    return [
        *run_metrics(exit_code, ended_s, is_committed=True),
        *(
            Metric("scan_status", "1 for the status of the newest scan.", int(scan.status is each), ("status", each))
            for each in ScanStatus
        ),
        Metric("scan_end_timestamp_seconds", "When the newest scan ended, since 1970.", ended_s, unit="seconds"),
        Metric("scan_duration_seconds", "How long the newest run took.", result.elapsed_s, unit="seconds"),
        *_labelled("nodes", "Machines by how reading them ended.", "status", scan.nodes),
        Metric("nodes_in_scope", "Machines in scope.", nodes),
        Metric("node_gaps", "Nodes that were not read or not verified.", scope.count_node_gaps(scan.nodes)),
        *_labelled("targets", "Pairs of account and Region by how reading them ended.", "status", scan.targets),
        Metric("targets_in_scope", "Pairs of account and Region in scope.", targets),
        Metric("target_gaps", "Pairs of account and Region that were not read.", scope.count_gaps(scan.targets)),
        *_labelled("stale_nodes", "Nodes whose patch data is too old, by the reason.", "reason", result.stale),
        *_labelled("missing_patches", "Missing patches on all nodes.", "severity", result.missing),
        *_labelled("failed_patches", "Patches that failed to install.", "severity", result.failed),
        Metric("patch_rows", "Patch rows of the newest scan.", scan.patch_rows),
        Metric("requests", "Requests to AWS.", scan.requests),
        Metric("throttles", "Requests that AWS refused as too fast.", scan.throttles),
        Metric("sink_failures", "Sinks that did not get the scan.", len(result.sink_failures)),
    ]


def _labelled(name: str, help_text: str, label: str, counts: Mapping[Any, int]) -> Iterator[Metric]:
    for value, count in counts.items():
        yield Metric(name, help_text, count, (label, str(value)))
