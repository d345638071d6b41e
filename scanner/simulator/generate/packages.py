"""The packages and updates of a platform family, before any node has them."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType, field

YEAR_ONE_S = -62135596800.0  # 0001-01-01, which Windows reports for an update without a date
UNKNOWN_TIME_S = 0.0
DAY_S = 86400


class PatchRow(Struct, frozen=True, gc=False, rename="pascal"):
    """PatchComplianceData in the form of the wire."""

    title: str
    kb_id: str = field(name="KBId")
    classification: str
    severity: str
    state: str
    installed_time: float
    cve_ids: str | UnsetType = field(default=UNSET, name="CVEIds")


class Package(Struct, frozen=True, gc=False):
    """A package or update that a node can have, or lack. `cve_ids` is what it fixes."""

    kb_id: str
    title: str
    classification: str
    severity: str
    cve_ids: tuple[str, ...] = ()
