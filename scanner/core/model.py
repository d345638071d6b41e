"""The types of patchsweep: targets, nodes, patch states, and how each of them ended."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from operator import attrgetter
from typing import Literal

from msgspec import Struct

from scanner.core.baselines import Baseline
from scanner.core.instances import Instance, Tags
from scanner.core.patch_rows import PatchRows

EpochMs = int  # milliseconds since 1970-01-01T00:00Z

Mode = Literal["full", "delta", "lean"]


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
        """Returns whether the data set has all that AWS has on the node, so that a resumed scan does not ask again."""
        return self not in (NodeStatus.DENIED, NodeStatus.FAILED, NodeStatus.UNFINISHED)

    @property
    def is_complete(self) -> bool:
        """Returns whether a scan that holds the node can be `complete`, unless its scope says otherwise."""
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
    """One (account, Region), with the name of the account and its path in the organization, `o-…/r-…/ou-…`."""

    account_id: str
    region: str
    account_name: str | None = None
    ou_path: str | None = None

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


Fingerprint = tuple[object, ...]  # identifies the result of a patching operation; equal ones mean equal rows


class PatchState(Struct, frozen=True):
    """A node's last patching operation as DescribeInstancePatchStates returns it; an absent or -1 count is None."""

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

    @property
    def fingerprint(self) -> Fingerprint:
        """Returns what changes whenever a patching operation has ended: the operation's identity and every count."""
        return _fingerprint(self)


_fingerprint = attrgetter(
    "snapshot_id", "operation_end_time", *(name for name in PatchState.__struct_fields__ if name.endswith("_count"))
)


class NodeScan(Struct, frozen=True):
    """What one scan holds of one machine.

    `pages` and `restarts` count the pages and the repeated readings; `instance` is what EC2 shows of it, if asked.
    """

    target: Target
    node: ManagedNode
    state: PatchState | None
    status: NodeStatus
    reason: str | None
    patches: PatchRows
    pages: int
    restarts: int
    scanned_at: EpochMs
    instance: Instance | None = None
    tags: Tags = ()


class CallCounts(Struct):
    """Requests sent to AWS for one target, with how many were throttled and how many repeated a failed one."""

    requests: int = 0
    throttles: int = 0
    retries: int = 0


class TargetOutcome(Struct, frozen=True):
    """One row of the `targets` table, less its scan id, with the baselines that its nodes name.

    `not_asked` has a sentence for each source that AWS refused.
    """

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
    not_asked: tuple[str, ...] = ()
    baselines: tuple[Baseline, ...] = ()


ALL_ENABLED = "enabled"  # the `regions` of a scope that covers whatever Regions each account has enabled


class Scope(Struct, frozen=True):
    """What a scan has to cover, as the `scans` table shows it."""

    accounts: str
    regions: str
    excluded_accounts: tuple[str, ...] = ()
    excluded_regions: tuple[str, ...] = ()
    node_filters: dict[str, tuple[str, ...]] = {}
    ous: tuple[str, ...] = ()
    excluded_ous: tuple[str, ...] = ()
    are_unmanaged_gaps: bool = False  # whether a machine that Systems Manager does not manage makes the scan partial

    def is_gap(self, status: TargetStatus) -> bool:
        """Returns whether a target of this status keeps a scan of the scope from being complete.

        The only place of this rule: a Region that is known to be off is no gap where the scope asks for the enabled
        ones, and is one where the user named the Region.
        """
        if status is TargetStatus.DISABLED:
            return self.regions != ALL_ENABLED
        return status is not TargetStatus.SCANNED

    def is_node_gap(self, status: NodeStatus) -> bool:
        """Returns whether a machine of this status keeps a scan of the scope from being complete.

        The only place of this rule.
        """
        return not status.is_complete or (self.are_unmanaged_gaps and status is NodeStatus.UNMANAGED)

    def count_node_gaps(self, nodes: Mapping[NodeStatus, int] | Mapping[str, int]) -> int:
        """Returns how many of the machines, counted by status, are gaps."""
        return sum(count for status, count in nodes.items() if self.is_node_gap(NodeStatus(status)))

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
