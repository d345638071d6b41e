"""What a report shows of one scan: how much of the fleet it knows, how fresh that is, and what nodes lack."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from scanner.core.model import EpochMs, NodeStatus, ScanRow, TargetStatus
from scanner.core.scan_request import PatchFilters
from scanner.core.state_names import LACKING_STATES
from scanner.reports.group_counts import Groups
from scanner.reports.grouping import Grouping
from scanner.reports.html.baselines import Baselines, read_baselines
from scanner.reports.html.groups import read_groups
from scanner.reports.html.machines import Machines, read_machines
from scanner.reports.html.sql import FOUND, KNOWN_NODES
from scanner.reports.sql.query import Fetcher, Parameters
from scanner.reports.staleness import DAY_MS
from scanner.reports.statuses import UNREAD, VERIFIED, node_gaps, values
from scanner.reports.summary import SEVERITIES

LONG_LIST = 100
SHORT_LIST = 25


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
    available: int
    pending_reboot: int


class Place(Struct, frozen=True):
    """An account or, without its id and name, a Region.

    `unknown`, `lacking` and `pending_reboot` are nodes; `missing` and `failed` are patches; `lacking` nodes have a
    patch that is not in effect, `unknown` ones were not verified, or their data is stale.
    """

    account_id: str | None
    account_name: str | None
    region: str | None
    nodes: int
    unknown: int
    lacking: int
    pending_reboot: int
    missing: int
    failed: int
    unread_targets: int


class Severity(Struct, frozen=True):
    """Patches of a severity, as AWS says it, and how many nodes they affect."""

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


class Totals(Struct, frozen=True):
    """Counts over the whole scan; a list of the report may be shorter than what is counted here.

    `affected` nodes have missing or failed patches; `without_cves` nodes lack patches and AWS names no CVE for any of
    them.
    """

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


class Found(Struct, frozen=True):
    """What the store holds; every list has the worst first and at most `LONG_LIST` or `SHORT_LIST` entries."""

    totals: Totals
    ages: Ages
    target_gaps: tuple[TargetGap, ...]
    disabled_targets: tuple[TargetGap, ...]
    node_gaps: tuple[Node, ...]
    severities: tuple[Severity, ...]
    accounts: tuple[Place, ...]
    regions: tuple[Place, ...]
    patches: tuple[Patch, ...]
    nodes: tuple[Node, ...]
    cves: tuple[Cve, ...]
    reboots: tuple[Node, ...]
    machines: Machines
    baselines: Baselines
    groups: Groups | None = None


class Report(Struct, frozen=True):
    """All that a report shows, and the filters of patches under which it was read.

    `part` says which machines it shows where it does not show all of them.
    """

    scan: ScanRow
    filters: PatchFilters
    found: Found
    part: str | None = None


def parameters(scan: ScanRow, stale_after_days: int = 7) -> Parameters:
    """Returns the parameters of `FOUND`."""
    gaps = {status for status in TargetStatus if scan.scope.is_gap(status)}
    return {
        "lacking": list(LACKING_STATES),
        "severities": list(SEVERITIES),
        "target_gaps": sorted(gaps),
        "disabled": sorted({TargetStatus.DISABLED} - gaps),
        "node_gaps": values(node_gaps(scan.scope)),
        "verified": values(VERIFIED),
        "unread": values(UNREAD),
        "gone": NodeStatus.GONE.value,
        "finished_at": scan.finished_at,
        "stale_after_ms": stale_after_days * DAY_MS,
        "long": LONG_LIST,
        "short": SHORT_LIST,
    }


_NODE_PARAMETERS = ("lacking", "verified", "gone", "finished_at", "stale_after_ms")


async def report(
    views: Fetcher,
    scan: ScanRow,
    filters: PatchFilters,
    by: Grouping | None = None,
    part: str | None = None,
    *,
    stale_after_days: int = 7,
) -> Report:
    """Returns the report of the scan that is open in `views`, with a list of its groups where `by` asks for one."""
    known = parameters(scan, stale_after_days)
    (row,) = (await views.fetch(FOUND, known)).to_pylist()
    machines, baselines = await read_machines(views, SHORT_LIST), await read_baselines(views, SHORT_LIST)
    row |= {"machines": msgspec.to_builtins(machines), "baselines": msgspec.to_builtins(baselines)}
    if by is not None:
        groups = await groups_of_scan(views, scan, by, stale_after_days=stale_after_days)
        row["groups"] = msgspec.to_builtins(groups)
    return Report(scan, filters, msgspec.convert(row, Found), part)


async def groups_of_scan(views: Fetcher, scan: ScanRow, by: Grouping, *, stale_after_days: int) -> Groups:
    """Returns what each group of the scan's machines lacks, as a report and a summary show it."""
    known = parameters(scan, stale_after_days)
    of_nodes = {name: known[name] for name in _NODE_PARAMETERS}
    return await read_groups(views, by, KNOWN_NODES, of_nodes, LONG_LIST)
