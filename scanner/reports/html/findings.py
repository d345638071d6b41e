"""The parts of a report: how much of the fleet it knows, how fresh that is, and what nodes lack."""

from __future__ import annotations

from msgspec import Struct

from scanner.core.model import EpochMs, NodeStatus, ScanRow, TargetStatus
from scanner.core.scan_request import PatchFilters
from scanner.core.statistics import AlternatingBaselines
from scanner.reports.check.policy import CRITICAL_LIMIT_MS
from scanner.reports.feeds.feed import Feed
from scanner.reports.group_counts import Groups
from scanner.reports.grouping import Grouping
from scanner.reports.html.baselines import Baselines
from scanner.reports.html.exploited import Feeds
from scanner.reports.html.machines import Machines
from scanner.reports.html.stale import Stale
from scanner.reports.html.trend import Trend

LONG_LIST = 100
SHORT_LIST = 25
FEW = 3  # of the targets or nodes with the same reason


class TargetGap(Struct, frozen=True):
    """A target that was not read."""

    account_id: str
    account_name: str | None
    region: str
    status: TargetStatus
    reason: str | None


class Node(Struct, frozen=True):
    """A node, with how many patches it has in each state whose fix is not in effect.

    `pending_reboot` is AWS's count or the rows that were read, whichever is greater: the count is known of nodes whose
    patches were not read, too.
    """

    account_id: str
    account_name: str | None
    region: str
    instance_id: str
    computer_name: str | None
    platform_name: str | None
    platform_version: str | None
    ping_status: str | None
    status: NodeStatus
    reason: str | None
    reboot_option: str | None
    operation_ended_at: EpochMs | None
    pending_since: EpochMs | None  # When the first of the patches that wait for a reboot was installed
    missing: int
    failed: int
    critical: int
    available: int
    pending_reboot: int


class Place(Struct, frozen=True):
    """An account or, without its id and name, a Region.

    `unknown`, `lacking` and `pending_reboot` are nodes; `missing` and `failed` are patches, `critical` those of both
    that have this severity; `lacking` nodes have a patch that is not in effect, `unknown` ones were not verified, or
    their data is stale.
    """

    account_id: str | None
    account_name: str | None
    region: str | None
    nodes: int
    unknown: int
    lacking: int
    pending_reboot: int
    critical: int
    missing: int
    failed: int
    unread_targets: int


class TargetGaps(Struct, frozen=True):
    """Targets that were not read for the same reason; `first` are some of them, at most `FEW`."""

    status: TargetStatus
    gaps: int
    accounts: int
    first: tuple[TargetGap, ...]


class NodeGaps(Struct, frozen=True):
    """Nodes that were not read or verified for the same reason; `first` are some of them, at most `FEW`."""

    status: NodeStatus
    gaps: int
    accounts: int
    first: tuple[Node, ...]


class Severity(Struct, frozen=True):
    """Patches of a severity, or of a priority of Debian's packages, as AWS says it, and how many nodes they affect."""

    severity: str | None
    missing: int
    failed: int
    nodes: int


class Patch(Struct, frozen=True):
    """A patch that is missing or failed to install; `title` is the first of its `titles`, severity the worst."""

    kb_id: str | None
    title: str | None
    titles: int
    severity: str | None
    cve_ids: tuple[str, ...]
    nodes: int


class Cve(Struct, frozen=True):
    """A CVE, with the nodes on which a fix for it is not in effect and the patches that hold the fix."""

    cve_id: str
    severity: str | None
    kb_ids: tuple[str | None, ...]
    nodes: int
    accounts: int


class Ages(Struct, frozen=True):
    """Nodes by the full days between the end of their last patching operation and that of the scan.

    `never`: AWS knows of no operation; `unread`: the node was not read.
    """

    day: int
    week: int
    month: int
    older: int
    never: int
    unread: int


class Unknown(Struct, frozen=True):
    """The machines of `Totals.unknown` with one status; `stale` are those that were verified, with data too old."""

    reason: str
    machines: int


class Totals(Struct, frozen=True):
    """Counts over the whole scan; a list of the report may be shorter than what is counted here.

    `affected` nodes have missing or failed patches; `without_cves` nodes lack patches and AWS names no CVE for any of
    them. `machines` are those that a service of AWS does not patch: `compliant` ones were verified lately and have no
    patch in a state that AWS counts as non-compliant, of `unknown` ones nothing is known to be lacking, but they may.
    `lacking_other` ones are not compliant and lack patches, none of them Critical; `unlisted` ones are not compliant,
    though no patch on them is missing, failed or pending a reboot, because one is rejected or was not asked for.
    `overdue` Critical patches are not in effect for longer than `Wanted.critical_limit_ms`, `undated` ones may be: no
    scan tells since when. `counted_by_aws` are the nodes of which AWS gives counts, `compliant_by_aws` those of them
    whose counts are all 0.
    """

    machines: int
    compliant: int
    unknown: int
    lacking_other: int
    unlisted: int
    counted_by_aws: int
    compliant_by_aws: int
    critical: int
    critical_nodes: int
    overdue: int
    overdue_nodes: int
    undated: int

    lacking: int
    without_cves: int
    missing: int
    missing_nodes: int
    failed: int
    failed_nodes: int
    affected: int
    pending_reboot: int
    node_gaps: int
    target_gaps: int
    disabled_targets: int
    accounts: int
    regions: int
    patches: int
    cves: int


class Findings(Struct, frozen=True):
    """What the store holds; every list has the worst first and at most `LONG_LIST` or `SHORT_LIST` entries."""

    totals: Totals
    ages: Ages
    target_gaps: tuple[TargetGaps, ...]
    disabled_targets: tuple[TargetGaps, ...]
    node_gaps: tuple[NodeGaps, ...]
    severities: tuple[Severity, ...]
    priorities: tuple[Severity, ...]
    accounts: tuple[Place, ...]
    regions: tuple[Place, ...]
    patches: tuple[Patch, ...]
    nodes: tuple[Node, ...]
    cves: tuple[Cve, ...]
    reboots: tuple[Node, ...]
    unknown: tuple[Unknown, ...]
    machines: Machines
    baselines: Baselines
    systems: Groups
    groups: Groups | None = None
    stale: Stale = Stale()


class Wanted(Struct, frozen=True):
    """What a report is to show beside the scan itself.

    `part` says which machines it shows where it does not show all of them, `critical_limit_ms` after how long a
    Critical patch is overdue; the tables of `feeds` are in the views.
    """

    by: Grouping | None = None
    part: str | None = None
    stale_after_days: int = 7
    critical_limit_ms: int = CRITICAL_LIMIT_MS
    feeds: tuple[Feed, ...] = ()
    trend: Trend = Trend(())
    alternating: AlternatingBaselines = AlternatingBaselines()


class Report(Struct, frozen=True):
    """All that a report shows, and the filters of patches under which it was read."""

    scan: ScanRow
    filters: PatchFilters
    findings: Findings
    wanted: Wanted = Wanted()
    feeds: Feeds = Feeds()
