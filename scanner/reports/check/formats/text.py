"""A check as text for people: the verdict, its rules, the first findings, what is waived."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.core.safe_text import terminal_text
from scanner.reports.check.finding import Finding
from scanner.reports.check.formats.words import notes, patch_of, verdict_sentence, waived_cells
from scanner.reports.check.result import CheckResult
from scanner.reports.lines import aligned

_MOST_ROWS = 40  # longer lists are for --format jsonl
_GROUPS = ("group", "violated", "cannot tell", "waived")


def text_document(result: CheckResult, width: int | None = None) -> str:
    """Returns the lines, in `width` cells if that is given; texts from outside have no control characters."""
    return "".join(f"{line}\n" for line in _lines(result, width))


def _lines(result: CheckResult, width: int | None) -> Iterator[str]:
    yield verdict_sentence(result)
    yield result.machines
    yield ""
    rules = [(each.rule, each.verdict, each.sentence) for each in result.rules]
    yield from aligned(rules, ("rule", "verdict", "what came of it"), width)
    if result.findings:
        rows = [_row(finding) for finding in result.findings[:_MOST_ROWS]]
        yield ""
        yield from aligned(rows, ("verdict", "machine", "severity", "patch", "why"), width)
        yield from _more(len(result.findings))
    if result.waived:
        waived = [waived_cells(each) for each in result.waived[:_MOST_ROWS]]
        yield ""
        yield from aligned(waived, ("waived on", "patch", "reason", "approver", "until"), width)
        yield from _more(len(result.waived))
    if result.groups:
        groups = [(each.value or "(none)", each.violated, each.unknown, each.waived) for each in result.groups]
        yield ""
        yield from aligned(groups, _GROUPS, width)
    remarks = notes(result)
    if remarks:
        yield ""
        yield from map(terminal_text, remarks)


def _row(finding: Finding) -> tuple[str, ...]:
    return (finding.outcome, finding.machine, finding.severity or "", patch_of(finding), finding.why)


def _more(count: int) -> Iterator[str]:
    if count > _MOST_ROWS:
        yield f"… {count - _MOST_ROWS:,} more; --format jsonl lists all"
