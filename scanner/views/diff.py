"""What changed between two scans, on the nodes that both of them read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import pyarrow as pa
from msgspec import Struct, structs

from scanner.config import NodeSettings, PatchSettings, Settings
from scanner.errors import ConfigError
from scanner.model import LACKING_STATES
from scanner.views.query import Parameters, Views
from scanner.wording import counted

_PAIRED = """
  seen AS (
    SELECT account_id, region, instance_id, computer_name, status, scan_id = $after AS is_after,
      status IN ('verified', 'mismatched', 'unchanged') AS is_read
    FROM nodes WHERE scan_id IN ($before, $after)
  ),
  listed AS (
    SELECT account_id, region,
      bool_or(scan_id = $before) AS listed_before, bool_or(scan_id = $after) AS listed_after
    FROM targets WHERE status = 'scanned' GROUP BY ALL
  ),
  paired AS (
    SELECT account_id, region, instance_id, any_value(computer_name ORDER BY is_after DESC) AS computer_name,
      any_value(status) FILTER (NOT is_after) AS status_before, any_value(status) FILTER (is_after) AS status_after,
      count(*) FILTER (is_read) = 2 AS is_compared,
      coalesce(any_value(listed_before), false) AS listed_before,
      coalesce(any_value(listed_after), false) AS listed_after
    FROM seen LEFT JOIN listed USING (account_id, region) GROUP BY account_id, region, instance_id
  )
"""

_DIFFERS = "sum(if(scan_id = $after, 1, -1) * hash(kb_id, title, state)::hugeint) <> 0"
"""Equal rows of the two scans cancel each other out. Which rows they are is worked out only where that leaves some:
lists of states and titles for all patches of a fleet would take gigabytes."""

CHANGES = f"""
WITH {_PAIRED},
  listed_patches AS NOT MATERIALIZED (
    SELECT scan_id, account_id, region, instance_id, kb_id, title, state, severity FROM patches
    WHERE scan_id IN ($before, $after)
  ),
  differing_nodes AS (
    SELECT account_id, region, instance_id
    FROM listed_patches SEMI JOIN (FROM paired WHERE is_compared) USING (account_id, region, instance_id)
    GROUP BY ALL HAVING {_DIFFERS}
  ),
  rows_of_nodes AS NOT MATERIALIZED (
    FROM listed_patches SEMI JOIN differing_nodes USING (account_id, region, instance_id)
  ),
  differing_patches AS (
    SELECT account_id, region, instance_id, kb_id FROM rows_of_nodes GROUP BY ALL HAVING {_DIFFERS}
  ),
  by_patch AS (
    SELECT account_id, region, instance_id, kb_id, any_value(severity ORDER BY scan_id = $after DESC) AS severity,
      string_agg(state, ', ' ORDER BY title, state) FILTER (scan_id = $before) AS before,
      string_agg(state, ', ' ORDER BY title, state) FILTER (scan_id = $after) AS after,
      string_agg(title, ', ' ORDER BY title, state) FILTER (scan_id = $before) AS title_before,
      string_agg(title, ', ' ORDER BY title, state) FILTER (scan_id = $after) AS title_after,
      coalesce(bool_or(list_contains($lacking, state)) FILTER (scan_id = $before), false) AS lacked,
      coalesce(bool_or(list_contains($lacking, state)) FILTER (scan_id = $after), false) AS lacks,
      coalesce(bool_or(starts_with(state, 'INSTALLED')) FILTER (scan_id = $after), false) AS is_installed
    FROM rows_of_nodes SEMI JOIN differing_patches USING (account_id, region, instance_id, kb_id)
    GROUP BY account_id, region, instance_id, kb_id
  )
SELECT
  CASE
    WHEN lacks AND NOT lacked THEN 'missing'
    WHEN lacked AND NOT lacks THEN if(is_installed, 'fixed', 'dropped')
    ELSE 'changed'
  END AS change,
  account_id, region, instance_id, computer_name, kb_id, severity, before, after, title_before, title_after
FROM by_patch JOIN paired USING (account_id, region, instance_id)
UNION ALL
SELECT
  CASE
    WHEN status_before IS NULL THEN 'node_new'
    WHEN status_after IS NULL THEN 'node_left'
    ELSE 'node_status'
  END AS change,
  account_id, region, instance_id, computer_name, NULL, NULL, status_before, status_after, NULL, NULL
FROM paired
WHERE CASE
  WHEN status_before IS NULL THEN listed_before
  WHEN status_after IS NULL THEN listed_after
  ELSE status_before <> status_after AND NOT list_has_all(['verified', 'unchanged'], [status_before, status_after])
END
ORDER BY change, account_id, region, instance_id, kb_id
"""  # noqa: S608 - our own words
"""One row for each patch of a compared node and each node whose condition differs.

Patches are those of one KB id on one node together, since a package of Linux has a row for each of its versions.
`before` and `after` hold the states of a patch, or the status of a node.
"""

_COMPARED = f"""
WITH {_PAIRED}
SELECT
  count(*) FILTER (is_compared) AS compared,
  count(*) FILTER (NOT is_compared AND coalesce(status_after, '') <> 'gone' AND CASE
    WHEN status_before IS NULL THEN NOT listed_before
    WHEN status_after IS NULL THEN NOT listed_after
    ELSE true
  END) AS untold
FROM paired
"""  # noqa: S608 - our own words

_PATCH_CHANGES = {
    "fixed": "fixed",
    "missing": "newly missing",
    "dropped": "neither missing nor installed any more",
    "changed": "changed otherwise",
}
_NODE_CHANGES = {"node_new": "new", "node_left": "gone", "node_status": "with another status"}


class Compared(Struct, frozen=True):
    """Nodes read by both scans, and nodes of which one of the two cannot tell."""

    compared: int
    untold: int


class Changes:
    """Counts the rows of `CHANGES` by their kind while they pass."""

    def __init__(self) -> None:
        self.by_kind: Counter[str] = Counter()

    def count(self, batch: pa.RecordBatch) -> None:
        """Take note of a batch."""
        self.by_kind.update(batch.column("change").to_pylist())


def parameters(before: str, after: str) -> Parameters:
    """What `CHANGES` needs to know of two scans by their ids."""
    return {"before": before, "after": after, "lacking": list(LACKING_STATES)}


async def compared(views: Views, before: str, after: str) -> Compared:
    """How many nodes of two open scans can be compared."""
    (row,) = (await views.fetch(_COMPARED, {"before": before, "after": after})).to_pylist()
    return Compared(**row)


def check_comparable(before: str, settings_before: Settings, after: str, settings_after: Settings) -> None:
    """See to it that two scans asked for the same nodes and patches.

    Raises:
        ConfigError: they did not; what one left out would look like a change.
    """
    if _filters(settings_before) != _filters(settings_after):
        raise ConfigError(
            f"scans {before} and {after} were read with different filters of nodes or patches, so they cannot be "
            "compared; name two scans with the same filters"
        )


def _filters(settings: Settings) -> tuple[NodeSettings, PatchSettings]:
    return settings.nodes, structs.replace(settings.patches, page_size=0)


def sentences(changes: Mapping[str, int], nodes: Compared, before: str, after: str) -> Iterator[str]:
    """What changed, and of how many nodes nobody can tell."""
    patches = ", ".join(f"{changes.get(kind, 0):,} {words}" for kind, words in _PATCH_CHANGES.items())
    yield f"from {before} to {after}: patches {patches}, on {counted(nodes.compared, 'node')} that both read"
    others = ", ".join(f"{changes[kind]:,} {words}" for kind, words in _NODE_CHANGES.items() if changes.get(kind))
    if others:
        yield f"nodes {others}"
    if nodes.untold:
        yield f"it cannot tell of {counted(nodes.untold, 'node')}: not read, or without patch data, in one of the two"
