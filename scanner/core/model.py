"""The words of patchsweep as types: targets, nodes, patch states, patches and how each of them ended."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Literal

from msgspec import Struct, field

EpochMs = int
"""A point in time: milliseconds since 1970-01-01T00:00Z."""

Mode = Literal["full", "delta"]


class NodeStatus(StrEnum):
    """How a machine ended. Denied, failed and unfinished are gaps, each with a reason; all others are delivered."""

    VERIFIED = "verified"
    MISMATCHED = "mismatched"
    UNCHANGED = "unchanged"
    REFRESHED = "refreshed"
    NO_PATCH_DATA = "no_patch_data"
    SUMMARY_ONLY = "summary_only"
    STOPPED = "stopped"
    UNMANAGED = "unmanaged"
    SERVICE_MANAGED = "service_managed"
    GONE = "gone"
    DENIED = "denied"
    FAILED = "failed"
    UNFINISHED = "unfinished"

    @property
    def is_delivered(self) -> bool:
        """Whether all that AWS has on the node is in the data set, so that a resumed scan does not ask again."""
        return self not in (NodeStatus.DENIED, NodeStatus.FAILED, NodeStatus.UNFINISHED)

    @property
    def is_complete(self) -> bool:
        """Whether a scan that holds the node can be `complete`."""
        return self.is_delivered and self is not NodeStatus.MISMATCHED


class TargetStatus(StrEnum):
    """How a target ended."""

    SCANNED = "scanned"
    DENIED = "denied"
    DISABLED = "disabled"
    FAILED = "failed"
    UNFINISHED = "unfinished"


class ScanStatus(StrEnum):
    """How a scan ended."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


class Target(Struct, frozen=True):
    """One (account, Region)."""

    account_id: str
    region: str
    account_name: str | None = None

    def __str__(self) -> str:
        return f"{self.account_id}/{self.region}"


class ManagedNode(Struct, frozen=True):
    """One row of DescribeInstanceInformation; `instance_id` is `i-…` (EC2) or `mi-…` (hybrid)."""

    instance_id: str
    resource_type: str | None = None
    platform_type: str | None = None
    platform_name: str | None = None
    platform_version: str | None = None
    computer_name: str | None = None
    ip_address: str | None = None
    agent_version: str | None = None
    ping_status: str | None = None
    last_ping_time: EpochMs | None = None
    name: str | None = None
    iam_role: str | None = None
    activation_id: str | None = None
    registration_date: EpochMs | None = None
    association_status: str | None = None
    last_association_time: EpochMs | None = None
    last_successful_association_time: EpochMs | None = None
    source_type: str | None = None
    source_id: str | None = None
    source_location: str | None = None


class PatchState(Struct, frozen=True):
    """A node's last patching operation as DescribeInstancePatchStates tells it; an absent or -1 count is None."""

    instance_id: str
    patch_group: str | None = None
    baseline_id: str | None = None
    snapshot_id: str | None = None
    operation: str | None = None
    operation_start_time: EpochMs | None = None
    operation_end_time: EpochMs | None = None
    reboot_option: str | None = None
    installed_count: int | None = None
    installed_other_count: int | None = None
    installed_pending_reboot_count: int | None = None
    installed_rejected_count: int | None = None
    missing_count: int | None = None
    failed_count: int | None = None
    not_applicable_count: int | None = None
    unreported_not_applicable_count: int | None = None
    available_security_update_count: int | None = None
    critical_noncompliant_count: int | None = None
    security_noncompliant_count: int | None = None
    other_noncompliant_count: int | None = None
    last_no_reboot_install_time: EpochMs | None = None
    install_override_list: str | None = None


class Patch(Struct, rename="pascal", gc=False):
    """One PatchComplianceData row as AWS lists it: `state` in either form, `cve_ids` joined by commas.

    `installed_time` is epoch seconds or ISO 8601 text. Zero, negative and year 1 mean unknown; so does any "" or None.
    """

    kb_id: str | None = field(default="", name="KBId")
    title: str | None = ""
    classification: str | None = ""
    severity: str | None = ""
    state: str | None = ""
    installed_time: float | str | None = 0.0
    cve_ids: str | None = field(default="", name="CVEIds")


SEPARATOR = "\0"
ROW_TEXTS = ("kb_id", "title", "classification", "severity", "state", "cve_ids")
"""The texts of a `Patch`, in the order in which `PatchRows` has them."""


class PatchRows(Struct, frozen=True):
    """Rows of DescribeInstancePatches as AWS lists them, in columns.

    `texts` has the values of each of `ROW_TEXTS`, joined by `separator`, which none of them holds; an absent one is
    "", as AWS itself writes it at times. `times` are the installed times in epoch seconds, 0 where there is none.
    """

    texts: tuple[str, ...]
    times: array[float]
    separator: str = SEPARATOR

    def __len__(self) -> int:
        return len(self.times)

    def column(self, name: str) -> list[str]:
        """The values of one of `ROW_TEXTS`."""
        return self.texts[ROW_TEXTS.index(name)].split(self.separator) if self.times else []


NO_PATCHES = PatchRows(("",) * len(ROW_TEXTS), array("d"))


class PatchPage(Struct, frozen=True):
    """One answer of DescribeInstancePatches; `next_token` is None at the end of the listing."""

    patches: Sequence[Patch]
    next_token: str | None


class NodeScan(Struct, frozen=True):
    """All that one scan has to say of one node. `pages` and `restarts` count what was read for it."""

    target: Target
    node: ManagedNode
    state: PatchState | None
    status: NodeStatus
    reason: str | None
    patches: PatchRows
    pages: int
    restarts: int
    scanned_at: EpochMs


class CallCounts(Struct):
    """Requests sent to AWS for one target, with how many were throttled and how many repeated a failed one."""

    requests: int = 0
    throttles: int = 0
    retries: int = 0


class TargetOutcome(Struct, frozen=True):
    """One row of the `targets` table, less its scan id."""

    target: Target
    status: TargetStatus
    reason: str | None
    nodes: int
    patch_rows: int
    requests: int
    throttles: int
    retries: int
    started_at: EpochMs | None
    finished_at: EpochMs | None


ALL_ENABLED = "enabled"  # the `regions` of a scope that covers whatever Regions each account has enabled


class Scope(Struct, frozen=True):
    """What a scan was asked to cover, as the `scans` table shows it."""

    accounts: str
    regions: str
    excluded_accounts: tuple[str, ...] = ()
    excluded_regions: tuple[str, ...] = ()
    node_filters: dict[str, tuple[str, ...]] = {}

    def is_gap(self, status: TargetStatus) -> bool:
        """Returns whether a target of this status keeps a scan of the scope from being complete.

        The only place of this rule: a Region that is known to be off is no gap where the scope asks for the enabled
        ones, and is one where the user named the Region.
        """
        if status is TargetStatus.DISABLED:
            return self.regions != ALL_ENABLED
        return status is not TargetStatus.SCANNED

    def count_gaps(self, targets: Mapping[TargetStatus, int] | Mapping[str, int]) -> int:
        """Returns how many of the targets, counted by status, are gaps."""
        return sum(count for status, count in targets.items() if self.is_gap(TargetStatus(status)))


class ScanRow(Struct, frozen=True):
    """One row of the `scans` table; `states` empty means every state, the count maps are keyed by status."""

    scan_id: str
    status: ScanStatus
    started_at: EpochMs
    finished_at: EpochMs
    mode: Mode
    states: tuple[str, ...]
    scope: Scope
    nodes: dict[str, int]
    targets: dict[str, int]
    patch_rows: int
    requests: int
    throttles: int
    version: str


PATCH_STATES: tuple[str, ...] = (
    "INSTALLED",
    "INSTALLED_OTHER",
    "INSTALLED_PENDING_REBOOT",
    "INSTALLED_REJECTED",
    "MISSING",
    "NOT_APPLICABLE",
    "FAILED",
    "AVAILABLE_SECURITY_UPDATE",
)
"""The documented patch states (enum PatchComplianceDataState of the SSM model)."""

LACKING_STATES: tuple[str, ...] = ("MISSING", "FAILED", "INSTALLED_PENDING_REBOOT", "AVAILABLE_SECURITY_UPDATE")
"""The states of a patch whose fix is not in effect on the node."""

COUNTED_STATES: dict[str, str] = {
    "INSTALLED": "installed_count",
    "INSTALLED_OTHER": "installed_other_count",
    "INSTALLED_PENDING_REBOOT": "installed_pending_reboot_count",
    "INSTALLED_REJECTED": "installed_rejected_count",
    "MISSING": "missing_count",
    "FAILED": "failed_count",
    "AVAILABLE_SECURITY_UPDATE": "available_security_update_count",
}
"""The states whose rows can be held against a count of the patch state, and that count's name.

NOT_APPLICABLE is left out: Linux counts it and never lists it, Windows truncates the list.
"""

_DOCUMENTED = {state.replace("_", "").lower(): state for state in PATCH_STATES}


def documented_state(raw: str) -> str:
    """Returns the documented form of a state (`InstalledOther` is `INSTALLED_OTHER`); an unknown one passes unchanged.

    The plural `AvailableSecurityUpdates` of AWS's own node code is the same state.
    """
    plain = raw.replace("_", "").lower()
    return _DOCUMENTED.get(plain) or _DOCUMENTED.get(plain.removesuffix("s"), raw)


def wire_state(documented: str) -> str:
    """The CamelCase form that the service stores and that a State filter has to use."""
    return "".join(word.capitalize() for word in documented.split("_"))
