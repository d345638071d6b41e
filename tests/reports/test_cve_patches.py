"""The rows that fix a CVE are those that a plain reading of every row gives."""

from __future__ import annotations

from tempfile import TemporaryDirectory

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.core.patch_rows import Patch
from scanner.core.state_names import LACKING_STATES, WITHOUT_SECURITY_FIXES
from scanner.files.local import LocalFiles
from scanner.reports.cve_patches import add_patches
from scanner.store.store import Store
from tests.reports.open_store import names_of, views_of
from tests.reports.test_cve import CVE, commit, machine
from tests.store.samples import STARTED_MS

pytestmark = pytest.mark.slow

PATCHES = st.builds(
    Patch,
    kb_id=st.sampled_from(["KB1", "KB2", "KB3"]),
    title=st.sampled_from(["one", "two", None]),
    classification=st.sampled_from(["Security", "BUGFIX", "Bugfix", None, "CriticalUpdates"]),
    severity=st.sampled_from(["Critical", None]),
    state=st.sampled_from(["Missing", "Failed", "Installed", "InstalledPendingReboot", "AvailableSecurityUpdate"]),
    installed_time=st.none(),
    cve_ids=st.sampled_from([None, CVE, "CVE-2026-1", f"CVE-2026-1,{CVE}"]),
)
FLEETS = st.lists(st.lists(PATCHES, max_size=6), min_size=1, max_size=5)


def plainly(nodes, earlier):
    """The rows that lack the fix and the nodes that may, by a loop over all rows; `nodes` has rows by instance id."""
    every = [row for rows in [*nodes.values(), *earlier.values()] for row in rows if row["title"] is not None]
    named = {(row["kb_id"], row["title"]) for row in every if row["cve_ids"]}
    fixes = {(row["kb_id"], row["title"]) for row in every if CVE in row["cve_ids"]}
    lacked, may_lack = [], set()
    for instance_id, rows in nodes.items():
        for row in (each for each in rows if each["state"] in LACKING_STATES):
            pair = row["kb_id"], row["title"]
            is_security = (row["classification"] or "").lower() not in WITHOUT_SECURITY_FIXES
            if pair in fixes or CVE in row["cve_ids"]:
                lacked.append((instance_id, row["state"], *map(str, pair)))
            elif pair not in named and not row["cve_ids"] and is_security:
                may_lack.add(instance_id)
    return sorted(lacked), may_lack


def by_node(rows, scan_id):
    nodes = {}
    for row in rows:
        if row["scan_id"] == scan_id:
            nodes.setdefault(row["instance_id"], []).append(row)
    return nodes


async def check(folder, fleet, earlier_fleet):
    store = Store(LocalFiles(folder))
    earlier, scan_id = [
        await commit(store, [machine(number, *patches) for number, patches in enumerate(each)], started_ms=started_ms)
        for each, started_ms in ((earlier_fleet, STARTED_MS - 60_000), (fleet, STARTED_MS))
    ]
    names = await names_of(store, [earlier])
    async with views_of(store, [earlier, scan_id]) as views:
        await add_patches(views, scan_id, CVE, names, with_feeds=False)
        rows = (await views.fetch("FROM patches")).to_pylist()
        lacked = (await views.fetch("FROM main.cve_lacked")).to_pylist()
        may_lack = (await views.fetch("FROM main.cve_may_lack")).to_pylist()

    got = sorted((row["instance_id"], row["state"], row["kb_id"], str(row["title"])) for row in lacked)
    expected = plainly(by_node(rows, scan_id), by_node(rows, earlier))
    assert (got, {row["instance_id"] for row in may_lack}) == expected
    assert len(may_lack) == len(expected[1])
    assert all(row["by_aws"] for row in lacked)


@given(FLEETS, FLEETS)
@settings(max_examples=25, deadline=None)
def test_rows_that_fix_a_cve_are_those_of_a_loop_over_every_row(fleet, earlier_fleet):
    with TemporaryDirectory() as folder:
        anyio.run(check, folder, fleet, earlier_fleet)
