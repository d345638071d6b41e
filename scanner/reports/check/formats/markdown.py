"""A check as Markdown, for a comment on a change or a page of a pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from scanner.core.safe_text import terminal_text
from scanner.reports.check.formats.words import RULE_TITLES, notes, patch_of, verdict_sentence, waived_cells
from scanner.reports.check.result import CheckResult

_MOST_ROWS = 100  # a comment on GitHub holds 65,536 characters
#: What Markdown or HTML in it would obey, and what GitHub turns into links and mentions.
_SPECIAL = re.compile(r"([\\`*_\[\]#|<>&~@]|:(?=//)|(?<=www)\.)")


def markdown_document(result: CheckResult) -> str:
    """Returns the page; in texts from outside nothing is markup, a link or a mention."""
    return "".join(f"{line}\n" for line in _lines(result))


def plain(text: str) -> str:
    """Returns the text so that Markdown shows it as it is."""
    return _SPECIAL.sub(lambda match: f"&#{ord(match[1])};", terminal_text(text))


def _lines(result: CheckResult) -> Iterator[str]:
    yield f"## {verdict_sentence(result)}"
    yield ""
    yield result.machines
    yield ""
    yield from _table(
        ("Rule", "Verdict", "What came of it"),
        ((RULE_TITLES[each.rule], each.verdict, each.sentence) for each in result.rules),
    )
    yield from _section(
        "Findings",
        ("Verdict", "Machine", "Severity", "Patch", "Why"),
        [(each.outcome, each.machine, each.severity or "", patch_of(each), each.why) for each in result.findings],
    )
    yield from _section(
        "Waived",
        ("Machine", "Patch", "Reason", "Approver", "Until"),
        [waived_cells(each) for each in result.waived],
    )
    yield from _section(
        "Groups",
        ("Group", "Violated", "Cannot tell", "Waived"),
        [
            (each.value or "(none)", f"{each.violated:,}", f"{each.unknown:,}", f"{each.waived:,}")
            for each in result.groups
        ],
    )
    remarks = notes(result)
    if remarks:
        yield ""
        yield from (f"- {plain(remark)}" for remark in remarks)


def _section(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if rows:
        yield ""
        yield f"### {title}"
        yield ""
        yield from _table(header, rows[:_MOST_ROWS])
        if len(rows) > _MOST_ROWS:
            yield ""
            yield f"… {len(rows) - _MOST_ROWS:,} more."


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(map(plain, row))} |"
