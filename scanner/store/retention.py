"""Decides which scans are kept, with restic's words; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from msgspec import Struct

_G = TypeVar("_G")


class KeepRules(Struct, frozen=True):
    """How many scans to keep of each group; a scan that any rule keeps is kept.

    `last` keeps the newest. `daily`, `weekly` and `monthly` keep the newest of each of the last days, ISO weeks and
    months in UTC that have scans. `older_than_days` keeps whatever is younger. All zero and None: nothing is removed
    but what is too old.
    """

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    older_than_days: int | None = None

    @property
    def say_nothing(self) -> bool:
        """Returns whether no rule is given, so that it is not known what to remove."""
        return self == KeepRules()


class StoredScan(Struct, Generic[_G], frozen=True):
    """A committed scan; scans of one `group` have the same scope and filters. None: it cannot be read."""

    scan_id: str
    started_at: datetime
    group: _G | None


class Decision(Struct, frozen=True):
    """What becomes of a scan: kept for these reasons, or removed if there are none."""

    scan_id: str
    reasons: tuple[str, ...]

    @property
    def is_kept(self) -> bool:
        return bool(self.reasons)


def decide(scans: Sequence[StoredScan[_G]], rules: KeepRules, now: datetime) -> list[Decision]:
    """Returns what becomes of each scan, in their order.

    The newest scan of each group is always kept: it carries the history of its nodes. So is one whose group cannot be
    read, since nothing tells which it belongs to.
    """
    reasons: dict[str, list[str]] = {scan.scan_id: [] for scan in scans}
    for group in _groups(scans):
        # The id decides within a second, as it does where a scan is chosen.
        newest_first = sorted(group, key=lambda scan: (scan.started_at, scan.scan_id), reverse=True)
        for scan, reason in _kept(newest_first, rules, now):
            reasons[scan.scan_id].append(reason)
    for scan in scans:
        if scan.group is None:
            reasons[scan.scan_id] = ["damaged"]
    return [Decision(scan.scan_id, tuple(reasons[scan.scan_id])) for scan in scans]


def _groups(scans: Sequence[StoredScan[_G]]) -> list[list[StoredScan[_G]]]:
    groups: list[list[StoredScan[_G]]] = []
    for scan in scans:
        if scan.group is None:
            continue
        # A group need not be hashable; a store has a handful.
        same = next((group for group in groups if group[0].group == scan.group), None)
        if same is None:
            groups.append([scan])
        else:
            same.append(scan)
    return groups


def _kept(newest_first: Sequence[StoredScan[_G]], rules: KeepRules, now: datetime) -> list[tuple[StoredScan[_G], str]]:
    kept = [(newest_first[0], "newest")]
    kept += [(scan, "last") for scan in newest_first[: rules.last]]
    for count, word, period in (
        (rules.daily, "daily", _day),
        (rules.weekly, "weekly", _week),
        (rules.monthly, "monthly", _month),
    ):
        kept += [(scan, word) for scan in _newest_of_each(newest_first, period)[:count]]
    if rules.older_than_days is not None:
        # Ages are compared, not dates: so many days before now may be before the year 1.
        ages = [((now - scan.started_at) / timedelta(days=1), scan) for scan in newest_first]
        kept += [(scan, "young") for age_days, scan in ages if age_days <= rules.older_than_days]
    return kept


def _newest_of_each(
    newest_first: Sequence[StoredScan[_G]], period: Callable[[datetime], tuple[int, ...]]
) -> list[StoredScan[_G]]:
    found: dict[tuple[int, ...], StoredScan[_G]] = {}
    for scan in newest_first:
        found.setdefault(period(scan.started_at), scan)
    return list(found.values())


def _day(time: datetime) -> tuple[int, ...]:
    return time.year, time.month, time.day


def _week(time: datetime) -> tuple[int, ...]:
    return tuple(time.isocalendar()[:2])


def _month(time: datetime) -> tuple[int, ...]:
    return time.year, time.month
