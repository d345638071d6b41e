"""Draws how the fleet went over the scans of a store: a line a figure, as inline SVG that needs no script."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from scanner.core.model import EpochMs
from scanner.reports.lines import percent_of
from scanner.reports.time_to_patch import TimeToPatch

WIDTH, HEIGHT = 600, 120  # of the drawing, in its own units; the page scales it
_MARGIN = 6


class TrendPoint(Struct, frozen=True):
    """One committed scan of the same scope; `critical` counts missing and failed patches, the others machines."""

    scan_id: str
    finished_at: EpochMs
    machines: int
    compliant: int
    critical: int

    @property
    def percent(self) -> int:
        """Returns the percentage of compliant machines, rounded down."""
        return percent_of(self.compliant, self.machines) if self.machines else 0


class Line(Struct, frozen=True):
    """A figure over time: the places of its points in the drawing, and what stands at both ends."""

    name: str
    points: tuple[tuple[float, float], ...]
    first: str
    last: str

    @property
    def path(self) -> str:
        """Returns the points as the attribute of an SVG polyline has them."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


class Change(Struct, frozen=True):
    """A figure in the scan before and in this one; `tone` says whether it went the right way, if it went at all."""

    name: str
    before: int
    now: int
    tone: str

    @property
    def difference(self) -> str:
        """Returns the difference with its sign."""
        return f"{self.now - self.before:+,}" if self.now != self.before else "0"


class Trend(Struct, frozen=True):
    """The scans of one scope and the same filters, the oldest first, the last the one that the report shows.

    `left_out` counts those without figures: an earlier version wrote them, or they are damaged; `patched` is how long
    packages were lacking that one of the others saw lacking no longer.
    """

    points: Sequence[TrendPoint]
    left_out: int = 0
    patched: Sequence[TimeToPatch] = ()
    width: int = WIDTH
    height: int = HEIGHT

    def ending_with(self, last: TrendPoint) -> Trend:
        """Returns the same with this point for its scan, or nothing where that scan has no figures."""
        if not self.points or self.points[-1].scan_id != last.scan_id:
            return structs.replace(self, points=(), patched=())
        return structs.replace(self, points=[*self.points[:-1], last])

    @property
    def lines(self) -> list[Line]:
        """Returns the drawings."""
        return trend_lines(self.points)

    @property
    def changes(self) -> list[Change]:
        """Returns each figure against the scan before; nothing where there is none."""
        if len(self.points) < 2:  # noqa: PLR2004 - a change has two ends
            return []
        before, now = self.points[-2:]
        return [
            _change("Machines", before.machines, now.machines),
            _change("Compliant machines", before.compliant, now.compliant, good=1),
            _change("Critical patches", before.critical, now.critical, good=-1),
        ]


def _change(name: str, before: int, now: int, *, good: int = 0) -> Change:
    """Returns a change; `good` is 1 where more is better, -1 where less is, 0 where neither."""
    way = (now - before) * good
    return Change(name, before, now, "sure" if way > 0 else "bad" if way < 0 else "")


def trend_lines(points: Sequence[TrendPoint]) -> list[Line]:
    """Returns the compliant machines in percent and the Critical patches; nothing where there is no time between."""
    if len(points) < 2 or points[0].finished_at == points[-1].finished_at:  # noqa: PLR2004 - a line has two ends
        return []
    most = max(1, *(point.critical for point in points))
    return [
        _line(
            "Compliant machines", points, [point.percent / 100 for point in points], [f"{p.percent} %" for p in points]
        ),
        _line("Critical patches", points, [p.critical / most for p in points], [f"{p.critical:,}" for p in points]),
    ]


def _line(name: str, points: Sequence[TrendPoint], heights: Sequence[float], labels: Sequence[str]) -> Line:
    start, end = points[0].finished_at, points[-1].finished_at
    places = tuple(
        (
            _MARGIN + (WIDTH - 2 * _MARGIN) * (point.finished_at - start) / (end - start),
            HEIGHT - _MARGIN - (HEIGHT - 2 * _MARGIN) * height,
        )
        for point, height in zip(points, heights, strict=True)
    )
    return Line(name, places, labels[0], labels[-1])
