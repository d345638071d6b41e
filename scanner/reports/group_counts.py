"""What each group of machines lacks, such as each team by its tag: the counts, and their lines in a summary."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from scanner.reports.lines import Line, aligned, counted

_HEADER = ("", "machines", "unknown", "lacking", "reboot", "critical", "missing", "failed")
GROUPS_SHOWN = 20


class GroupCounts(Struct, frozen=True):
    """The machines of one value; `critical`, `missing` and `failed` are patches, the others nodes, as of an account."""

    value: str | None
    nodes: int
    unknown: int
    lacking: int
    pending_reboot: int
    critical: int
    missing: int
    failed: int


class Groups(Struct, frozen=True):
    """The groups with the most critical patches, then the most; `total` is how many there are."""

    name: str
    rows: tuple[GroupCounts, ...]
    total: int


def group_lines(groups: Groups, width: int) -> Iterator[Line]:
    """Yields the groups as a section of the summary; machines without a value are those of `(none)`."""
    yield from (Line(), Line(f"By {groups.name}", "head"))
    shown = groups.rows[:GROUPS_SHOWN]
    rows = [
        (
            row.value or "(none)",
            *(row.nodes, row.unknown, row.lacking, row.pending_reboot),
            *(row.critical, row.missing, row.failed),
        )
        for row in shown
    ]
    if rows:
        yield from (Line(f"  {text}") for text in aligned(rows, _HEADER, width - 2))
    if groups.total > len(shown):
        yield Line(f"  … and {counted(groups.total - len(shown), 'group')} more: patchsweep report --by", "dim")
