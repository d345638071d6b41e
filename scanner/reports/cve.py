"""Which nodes lack the fix for a CVE, and of which nodes a scan cannot tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from scanner.core.errors import ConfigError
from scanner.core.model import ScanRow
from scanner.core.scan_request import PatchFilters
from scanner.core.state_names import LACKING_STATES
from scanner.reports.lines import counted
from scanner.reports.sql.query import Parameters, Views

_CVE_ID = re.compile(r"CVE-\d{4}-\d{4,19}")

LACKING = """
SELECT account_id, region, instance_id, computer_name, platform_name, ping_status, state, severity, kb_id, title
FROM patches JOIN nodes USING (scan_id, account_id, region, instance_id)
WHERE list_contains($lacking, state) AND list_contains(cve_ids, $cve_id)
ORDER BY account_id, region, instance_id, kb_id, title
"""
"""One row for each patch that fixes `$cve_id` and is not in effect on a node."""

_TOLD = """
WITH lacking AS (
  SELECT scan_id, account_id, region, instance_id,
    bool_or(list_contains(cve_ids, $cve_id)) AS lacks_fix, bool_or(len(cve_ids) > 0) AS names_cves
  FROM patches WHERE list_contains($lacking, state) GROUP BY ALL
)
SELECT
  count(*) AS nodes,
  count(*) FILTER (lacks_fix) AS lacking,
  count(DISTINCT account_id) FILTER (lacks_fix) AS accounts,
  count(*) FILTER (NOT lacks_fix AND is_read AND names_cves) AS clear,
  count(*) FILTER (NOT lacks_fix AND is_read AND NOT names_cves) AS nameless,
  count(*) FILTER (NOT lacks_fix AND status = 'no_patch_data') AS no_patch_data,
  count(*) FILTER (NOT lacks_fix AND NOT is_read AND status <> 'no_patch_data') AS unread
FROM (
  SELECT account_id, status, status IN ('verified', 'unchanged') AS is_read,
    coalesce(lacks_fix, false) AS lacks_fix, coalesce(names_cves, true) AS names_cves
  FROM nodes LEFT JOIN lacking USING (scan_id, account_id, region, instance_id)
  WHERE status <> 'gone'
)
"""


class Told(Struct, frozen=True):
    """What a scan tells of a CVE: nodes by what is known of them, together `nodes`, and targets that were not read.

    `nameless` nodes lack patches and AWS names no CVE for any of them: distributions that report none, or a report
    that was too large to hold them.
    """

    nodes: int
    lacking: int
    accounts: int
    """Of the nodes that lack the fix."""
    clear: int
    nameless: int
    no_patch_data: int
    unread: int
    unread_targets: int
    unread_states: tuple[str, ...] = ()
    """States of lacking patches that the scan was told to leave out."""

    @property
    def is_whole(self) -> bool:
        """Whether it tells of every node in scope."""
        return self.lacking + self.clear == self.nodes and not self.unread_targets and not self.unread_states


def cve_id_of(text: str) -> str:
    """The id as AWS writes it.

    Raises:
        ConfigError: it is none.
    """
    cve_id = text.strip().upper()
    if not _CVE_ID.fullmatch(cve_id):
        raise ConfigError(f"{text!r} is no CVE id; one looks like CVE-2026-12345")
    return cve_id


def check_filters(scan_id: str, patches: PatchFilters) -> None:
    """See to it that a scan read what a CVE's fix may be among.

    Raises:
        ConfigError: its filters leave out patches that nodes lack.
    """
    narrowed = {
        "states": patches.states if not {"MISSING", "FAILED"} <= {*patches.states} else (),
        "severities": patches.severities,
        "classifications": patches.classifications,
        "kb_ids": patches.kb_ids,
    }
    for name, values in narrowed.items():
        if values:
            raise ConfigError(
                f"scan {scan_id} holds only patches of the {name.replace('_', ' ')} {', '.join(values)}, so it cannot "
                f"tell which nodes lack a fix; scan without patches.{name}, or name another scan with --scan"
            )


def parameters(cve_id: str) -> Parameters:
    """What `LACKING` needs to know."""
    return {"cve_id": cve_id, "lacking": list(LACKING_STATES)}


async def told(views: Views, scan: ScanRow, cve_id: str) -> Told:
    """What the scan that is open in `views` tells of a CVE."""
    (row,) = (await views.fetch(_TOLD, parameters(cve_id))).to_pylist()
    left_out = [state for state in LACKING_STATES if scan.states and state not in scan.states]
    return Told(**row, unread_targets=scan.scope.count_gaps(scan.targets), unread_states=tuple(left_out))


def sentences(told: Told, cve_id: str, scan_id: str) -> Iterator[str]:
    """What was found, and what nobody can tell from this scan."""
    lacking = f"{counted(told.lacking, 'node')} in {counted(told.accounts, 'account')}" if told.lacking else "no node"
    yield f"{cve_id}: the fix is lacking on {lacking}, and not on {told.clear:,}; scan {scan_id}"
    unknown = [
        (told.nameless, "node", "no CVE named for any patch they lack"),
        (told.no_patch_data, "node", "no patch data"),
        (told.unread, "node", "not read or not verified"),
        (told.unread_targets, "target", "not read"),
    ]
    reasons = [f"{counted(count, noun)}: {why}" for count, noun, why in unknown if count]
    if told.unread_states:
        reasons.append(f"patches in the states {', '.join(told.unread_states)}: left out by the scan's filter")
    if reasons:
        yield f"it cannot tell of {'; '.join(reasons)}"
