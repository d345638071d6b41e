"""The rows that reports are made of: nodes that have such, and the rows by their numbers and by SQL over the files."""

from __future__ import annotations

from random import Random

import msgspec

from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.relevant_rows import STATES
from scanner.core.state_names import PATCH_STATES, wire_state
from scanner.reports.sql.numbered import RELEVANT_ROWS
from tests.store.samples import node

CVES = [None, "CVE-2026-1", "CVE-2026-2,CVE-2026-1", "CVE-2026-1,CVE-2026-2", "CVE-2026-3"]


def machines(seed, nodes):
    """Nodes with patches in all states, of which some name CVEs and some have no title or severity."""
    random = Random(seed)
    return [
        msgspec.structs.replace(
            node(number),
            patches=patch_rows_of(
                [
                    Patch(
                        kb_id=f"KB{random.randrange(4)}",
                        title=random.choice([None, "", "one", "two"]),
                        classification=random.choice([None, "Security"]),
                        severity=random.choice([None, "Critical", "Low"]),
                        state=wire_state(random.choice(PATCH_STATES)),
                        installed_time=random.choice([None, 1_500_000_000.0]),
                        cve_ids=random.choice(CVES),
                    )
                    for _ in range(random.randrange(6))
                ]
            ),
        )
        for number in nodes
    ]


_NUMBERED = """
SELECT account_id, region, instance_id, kb_id, title, classification, severity, state, cve_ids, installed_time,
  missing_since
FROM relevant_rows JOIN relevant_nodes USING (node) JOIN relevant_patches USING (patch)
"""


async def numbered_rows(views):
    """The rows by their numbers, in a fixed order."""
    await views.number_patches()
    return sorted((await views.fetch(_NUMBERED)).to_pylist(), key=repr)


async def queried_rows(views):
    """The rows of the files, in the same order."""
    by_sql = (await views.fetch(RELEVANT_ROWS, {"states": list(STATES), "scan_id": None})).to_pylist()
    return sorted(by_sql, key=repr)


async def relevant(views):
    """The rows by their numbers, and those of the files, both in one order."""
    return await numbered_rows(views), await queried_rows(views)
