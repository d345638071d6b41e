"""The rows that reports are made of, by their numbers and by SQL over the files."""

from __future__ import annotations

from scanner.reports.sql.numbered import RELEVANT_ROWS, STATES

_NUMBERED = """
SELECT account_id, region, instance_id, kb_id, title, classification, severity, state, cve_ids, installed_time,
  missing_since
FROM relevant_rows JOIN relevant_nodes USING (node) JOIN relevant_patches USING (patch)
"""


async def relevant(views):
    """The rows by their numbers, and those of the files, both in one order."""
    await views.number_patches()
    by_number = (await views.fetch(_NUMBERED)).to_pylist()
    by_sql = (await views.fetch(RELEVANT_ROWS, {"states": list(STATES), "scan_id": None})).to_pylist()
    return sorted(by_number, key=repr), sorted(by_sql, key=repr)
