"""What a benchmark gives: a table of medians for people, every single run for the JSON file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Result:
    """One table. `runs` holds every run as it was measured, `goals` each goal with whether it was met."""

    name: str
    about: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    runs: Sequence[Mapping[str, object]]
    goals: Mapping[str, bool] = field(default_factory=dict)


def spread(values: Sequence[float], digits: int = 3) -> str:
    """`median [min-max]`."""
    return f"{median(values):.{digits}f} [{min(values):.{digits}f}-{max(values):.{digits}f}]"


def ratio(base: Sequence[float], other: Sequence[float]) -> float:
    """The median over rounds of how many times `base` is `other` in the same round."""
    return median(a / b for a, b in zip(base, other, strict=True))


def as_text(result: Result) -> str:
    """The result as a Markdown table with its goals below."""
    lines = [f"### {result.name}", "", result.about, "", _line(result.columns), _line(["---"] * len(result.columns))]
    lines += [_line(row) for row in result.rows]
    lines += ["", *(f"- {'met' if met else 'MISSED'}: {goal}" for goal, met in result.goals.items())]
    return "\n".join(lines).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
