"""What others are told of a run: a few lines for people, and a document where no scan was committed."""

from __future__ import annotations

from collections.abc import Sequence

from scanner.core.model import EpochMs
from scanner.reports.lines import breakdown
from scanner.reports.machines import machines_sentence, stale_sentence
from scanner.reports.scan_result import ScanResult
from scanner.reports.summary import SCHEMA_VERSION, headline, rfc3339, worst_first

NOT_COMMITTED = "not_committed"


def scan_lines(result: ScanResult) -> list[str]:
    """Returns the headline, the machines, and what they lack."""
    lines = [headline(result.scan)]
    if any(result.scan.nodes.values()):
        lines.append(machines_sentence(result.scan.nodes))
    if result.stale:
        lines.append(stale_sentence(result.stale))
    for state, counts in (("Missing", result.missing), ("Failed", result.failed)):
        if total := sum(counts.values()):
            lines.append(f"{state} patches: {total:,} ({breakdown(worst_first(counts))})")
    lines += [f"Sink failed: {sink}: {reason}" for sink, reason in result.sink_failures.items()]
    return lines


def failure_document(sentences: Sequence[str], exit_code: int, at: EpochMs) -> dict[str, object]:
    """Returns what stands for the summary where there is none; `scan_id` is null."""
    return {
        "schema_version": SCHEMA_VERSION,
        "scan_id": None,
        "status": NOT_COMMITTED,
        "finished_at": rfc3339(at),
        "errors": list(sentences),
        "exit_code": exit_code,
    }
