"""A machine is compliant by one rule: in a report, and in the figures that a scan leaves for trends."""

from __future__ import annotations

from itertools import product

import pytest

from scanner.core.model import NodeStatus
from scanner.core.state_names import PATCH_STATES, wire_state
from scanner.files.local import LocalFiles
from scanner.reports.html.data import parameters
from scanner.reports.html.known_nodes import KNOWN_NODES
from scanner.reports.staleness import is_fresh_by_days
from scanner.store.store import Store
from tests.reports.html.stored import found, patched
from tests.reports.open_store import views_of
from tests.store.samples import STARTED_MS

pytestmark = pytest.mark.slow

DAY_MS = 86_400_000
NOTHING = {
    "missing_count": 0,
    "failed_count": 0,
    "installed_pending_reboot_count": 0,
    "installed_rejected_count": 0,
}
COUNTS = [NOTHING, *({**NOTHING, name: value} for name in NOTHING for value in (None, 1)), dict.fromkeys(NOTHING)]
STATUSES = (NodeStatus.VERIFIED, NodeStatus.UNCHANGED, NodeStatus.REFRESHED, NodeStatus.MISMATCHED)


async def test_a_report_and_the_figures_of_a_scan_take_the_same_machines_for_compliant(tmp_path):
    cases = list(product([None, *PATCH_STATES], COUNTS, STATUSES))
    limit = len(cases) // 2  # days after which data is stale: half of the machines
    nodes = [
        # An age of its own tells each machine from the others in the figures, which count them by their age.
        patched(
            number,
            *([] if state is None else [(wire_state(state), "KB1", "Low")]),
            status=status,
            **counts | {"operation_end_time": STARTED_MS - number * DAY_MS - DAY_MS // 2},
        )
        for number, (state, counts, status) in enumerate(cases)
    ]
    await found(tmp_path, nodes)

    store = Store(LocalFiles(tmp_path))
    (scan_id,) = await store.committed()
    manifest = await store.manifest(scan_id)
    known = parameters(manifest.scan, stale_after_days=limit)
    wanted = {name: value for name, value in known.items() if f"${name}" in KNOWN_NODES}
    sql = f"{KNOWN_NODES} shown AS (FROM known) SELECT instance_id, is_compliant FROM shown ORDER BY instance_id"
    async with views_of(store, [scan_id]) as views:
        await views.number_patches()
        by_report = [row["is_compliant"] for row in (await views.fetch(sql, wanted)).to_pylist()]
    by_age = {each.age_days: each.compliant for each in manifest.statistics.nodes}
    by_figures = [bool(by_age.get(age)) and is_fresh_by_days(age, limit) for age in range(len(cases))]

    assert by_figures == by_report
    assert set(by_report) == {True, False}
