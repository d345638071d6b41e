"""Puts gaps with the same cause together: one denial in 39 accounts is one line with a count."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from scanner.core.model import Target

_ACCOUNT_ID = re.compile(r"\b\d{12}\b", re.ASCII)
_INSTANCE_ID = re.compile(r"\bm?i-[0-9a-f]{8,17}\b", re.ASCII)

#: `Gap.cause` without the status, over the columns `reason` and `region`.
CAUSE = f"""
  replace(
    regexp_replace(
      regexp_replace(coalesce(reason, ''), '{_ACCOUNT_ID.pattern}', '…', 'g'), '{_INSTANCE_ID.pattern}', '…', 'g'
    ),
    region, '…'
  )
"""


class Gap(Struct, frozen=True):
    """A target, a node of it where `instance_id` is set, that ended with this status for this reason."""

    target: Target
    status: str
    reason: str | None
    instance_id: str | None = None

    @property
    def label(self) -> str:
        return str(self.target) if self.instance_id is None else f"{self.target} {self.instance_id}"

    @property
    def cause(self) -> tuple[str, str]:
        """Returns status and reason less the ids and the Region in it, which differ from gap to gap."""
        reason = _INSTANCE_ID.sub("…", _ACCOUNT_ID.sub("…", self.reason or ""))
        return self.status, reason.replace(self.target.region, "…")

    @property
    def cause_text(self) -> str:
        """Returns the cause as `status: reason`."""
        return ": ".join(filter(None, self.cause))


class GapGroup(Struct, frozen=True):
    """Gaps with one cause; status and reason are those of the first."""

    gaps: tuple[Gap, ...]

    @property
    def status(self) -> str:
        return self.gaps[0].status

    def text(self, noun: str, labels_shown: int) -> str:
        """Returns `111122223333/eu-west-1: reason`, or `39 targets (…, …, … and 36 more), the first: reason`."""
        first = self.gaps[0]
        if len(self.gaps) == 1:
            return f"{first.label}: {first.reason}" if first.reason else first.label
        labels = ", ".join(gap.label for gap in self.gaps[:labels_shown])
        hidden = len(self.gaps) - labels_shown
        more = f" and {hidden:,} more" if hidden > 0 else ""
        head = f"{len(self.gaps):,} {noun}s ({labels}{more})"
        return f"{head}, the first: {first.reason}" if first.reason else head


def group_gaps(gaps: Iterable[Gap]) -> list[GapGroup]:
    """Returns the groups, the largest first, equal ones in the order of their first gap."""
    by_cause: dict[tuple[str, str], list[Gap]] = {}
    for gap in gaps:
        by_cause.setdefault(gap.cause, []).append(gap)
    return sorted((GapGroup(tuple(group)) for group in by_cause.values()), key=lambda group: -len(group.gaps))
