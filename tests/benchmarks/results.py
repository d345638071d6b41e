"""What a benchmark gives: a table of medians for people, every single run for the JSON file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

_FEWEST = 5  # values that show something
_WORDS = {True: "met", False: "MISSED", None: "NOT SHOWN"}


@dataclass(frozen=True)
class Result:
    """One table. `runs` holds every run as it was measured, `goals` each goal with whether it was met.

    None stands for a goal that the runs show neither as met nor as missed.
    """

    name: str
    about: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    runs: Sequence[Mapping[str, object]]
    goals: Mapping[str, bool | None] = field(default_factory=dict)


def spread(values: Sequence[float], digits: int = 3) -> str:
    """`median [min-max]`."""
    return f"{median(values):.{digits}f} [{min(values):.{digits}f}-{max(values):.{digits}f}]"


def ratio(base: Sequence[float], other: Sequence[float]) -> float:
    """The median over rounds of how many times `base` is `other` in the same round."""
    return median(a / b for a, b in zip(base, other, strict=True))


def at_most(values: Sequence[float], goal: float) -> bool | None:
    """Whether what the values are drawn from is at most the goal in the median, as far as they agree on that.

    Of eight and more the smallest and the largest are not looked at: the median lies between the second and the ninth
    of ten in 98 of 100 cases, and between the first and the fifth of five in 94. Fewer than five show nothing, and
    neither do costs of which one is not above 0.
    """
    if len(values) < _FEWEST or min(values) <= 0:
        return None
    left_out = 1 if len(values) > 7 else 0
    ordered = sorted(values)
    least, most = ordered[left_out], ordered[-1 - left_out]
    return True if most <= goal else False if least > goal else None


def as_text(result: Result) -> str:
    """The result as a Markdown table with its goals below."""
    lines = [f"### {result.name}", "", result.about, "", _line(result.columns), _line(["---"] * len(result.columns))]
    lines += [_line(row) for row in result.rows]
    lines += ["", *(f"- {_WORDS[met]}: {goal}" for goal, met in result.goals.items())]
    return "\n".join(lines).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
