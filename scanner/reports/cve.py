"""Which nodes lack the fix for a CVE, and for which nodes a scan has no answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from scanner.core.errors import ConfigError
from scanner.core.model import NodeStatus, ScanRow
from scanner.core.scan_request import PatchFilters
from scanner.core.state_names import LACKING_STATES
from scanner.reports.lines import counted
from scanner.reports.sql.query import Parameters, Views
from scanner.reports.statuses import VERIFIED, values

_CVE_ID = re.compile(r"CVE-\d{4}-\d{4,19}")

#: One row for each patch that fixes `$cve_id` and is not in effect on a node.
LACKING = """
SELECT account_id, region, instance_id, computer_name, platform_name, ping_status, state, severity, kb_id, title
FROM patches JOIN nodes USING (scan_id, account_id, region, instance_id)
WHERE list_contains($lacking, state) AND list_contains(cve_ids, $cve_id)
ORDER BY account_id, region, instance_id, kb_id, title
"""

_COVERAGE = """
WITH lacking AS (
  SELECT scan_id, account_id, region, instance_id,
    bool_or(list_contains(cve_ids, $cve_id)) AS lacks_fix, bool_or(len(cve_ids) > 0) AS names_cves
  FROM patches WHERE list_contains($lacking, state) GROUP BY ALL
)
SELECT
  count(*) AS nodes,
  count(*) FILTER (lacks_fix) AS lacking,
  count(DISTINCT account_id) FILTER (lacks_fix) AS accounts,
  count(*) FILTER (NOT lacks_fix AND is_verified AND names_cves) AS not_lacking,
  count(*) FILTER (NOT lacks_fix AND is_verified AND NOT names_cves) AS without_cves,
  count(*) FILTER (NOT lacks_fix AND status = $no_patch_data) AS no_patch_data,
  count(*) FILTER (NOT lacks_fix AND NOT is_verified AND status <> $no_patch_data) AS unread
FROM (
  SELECT account_id, status, list_contains($verified, status) AS is_verified,
    coalesce(lacks_fix, false) AS lacks_fix, coalesce(names_cves, true) AS names_cves
  FROM nodes LEFT JOIN lacking USING (scan_id, account_id, region, instance_id)
  WHERE status <> $gone
)
"""


_STATUSES: Parameters = {
    "verified": values(VERIFIED),
    "no_patch_data": NodeStatus.NO_PATCH_DATA.value,
    "gone": NodeStatus.GONE.value,
}


class CveCoverage(Struct, frozen=True):
    """Nodes by what a scan knows of them and a CVE, together `nodes`, and targets that were not read.

    `without_cves` nodes lack patches and AWS names no CVE for any of them: distributions that report none, or a report
    that was too large to hold them.
    """

    nodes: int
    lacking: int
    accounts: int  # Of the nodes that lack the fix
    not_lacking: int
    without_cves: int
    no_patch_data: int
    unread: int
    unread_targets: int
    unread_states: tuple[str, ...] = ()  # States of lacking patches that the scan's filter leaves out

    @property
    def covers_all_nodes(self) -> bool:
        """Returns whether there is an answer for every node in scope."""
        return self.lacking + self.not_lacking == self.nodes and not self.unread_targets and not self.unread_states


def cve_id_of(text: str) -> str:
    """Returns the id as AWS writes it.

    Raises:
        ConfigError: The text is not a CVE id.
    """
    cve_id = text.strip().upper()
    if not _CVE_ID.fullmatch(cve_id):
        raise ConfigError(f"{text!r} is not a CVE id (expected CVE-2026-12345)")
    return cve_id


def check_filters(scan_id: str, patches: PatchFilters) -> None:
    """Refuses a scan whose filters leave out patches that may hold a fix.

    Raises:
        ConfigError: The filters leave out patches that nodes lack.
    """
    narrowed = {
        "states": patches.states if not {"MISSING", "FAILED"} <= {*patches.states} else (),
        "severities": patches.severities,
        "classifications": patches.classifications,
        "kb_ids": patches.kb_ids,
    }
    for name, wanted in narrowed.items():
        if wanted:
            raise ConfigError(
                f"scan {scan_id} holds only patches of the {name.replace('_', ' ')} {', '.join(wanted)}, so it does "
                f"not show which nodes lack a fix; scan without patches.{name}, or name another scan with --scan"
            )


def parameters(cve_id: str) -> Parameters:
    """Returns the parameters of `LACKING`."""
    return {"cve_id": cve_id, "lacking": list(LACKING_STATES)}


async def cve_coverage(views: Views, scan: ScanRow, cve_id: str) -> CveCoverage:
    """Counts the nodes of the scan that is open in `views` by what is known of them."""
    (row,) = (await views.fetch(_COVERAGE, {**parameters(cve_id), **_STATUSES})).to_pylist()
    left_out = [state for state in LACKING_STATES if scan.states and state not in scan.states]
    return CveCoverage(**row, unread_targets=scan.scope.count_gaps(scan.targets), unread_states=tuple(left_out))


def sentences(coverage: CveCoverage, cve_id: str, scan_id: str) -> Iterator[str]:
    """Yields the answer for people, then each group of nodes for which this scan has none."""
    if coverage.lacking:
        where = f"{counted(coverage.lacking, 'node')} in {counted(coverage.accounts, 'account')}"
        lack, do = ("lacks" if coverage.lacking == 1 else "lack"), ("does" if coverage.not_lacking == 1 else "do")
        yield f"{cve_id}: {where} {lack} the fix; {coverage.not_lacking:,} {do} not (scan {scan_id})"
    else:
        yield f"{cve_id}: no node lacks the fix, of {coverage.not_lacking:,} with an answer (scan {scan_id})"
    reasons = [
        (coverage.without_cves, "node", "AWS names no CVEs for their missing patches"),
        (coverage.no_patch_data, "node", "AWS has no patch data"),
        (coverage.unread, "node", "not read or not verified"),
        (coverage.unread_targets, "target", "not read"),
    ]
    yield from (f"Unknown for {counted(count, noun)}: {why}" for count, noun, why in reasons if count)
    if coverage.unread_states:
        yield f"Unknown for patches in {', '.join(coverage.unread_states)}: left out by the scan's --states filter"
