"""Groups of machines: by a tag or a column, counted and read apart from each other."""

from __future__ import annotations

import pytest
from msgspec import structs

from scanner.core.errors import ConfigError
from scanner.core.model import NodeStatus, ScanStatus
from scanner.core.settings import PatchSettings
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.reports.grouping import Group, GroupViews, groups_of, parse_grouping, scan_of_group
from scanner.reports.html.data import report
from scanner.reports.html.findings import Wanted
from scanner.reports.html.page import page
from scanner.store.store import Store
from tests.reports.html.page_reader import Page
from tests.reports.html.reports import scan
from tests.reports.html.stored import OTHER, patched
from tests.reports.open_store import views_of
from tests.store.samples import STARTED_MS, header, opened, outcome, scan_row

TEAM = parse_grouping("tag:Team")


def tagged(made, **tags):
    return structs.replace(made, tags=tuple(tags.items()))


def fleet():
    """Two machines of one team in two accounts that share an id, one of another team, two of none."""
    return [
        tagged(patched(1, ("Missing", "a"), ("Missing", "b"), patch_group="g"), Team="payments", Env="prod"),
        tagged(patched(1, ("Missing", "a"), target=OTHER), Team="payments"),
        tagged(patched(2, ("Failed", "a"), ("Missing", "c")), Team="web"),
        tagged(patched(3, ("Missing", "d"), status=NodeStatus.MISMATCHED), Team=""),
        tagged(patched(4, status=NodeStatus.UNMANAGED), Env="Team"),
    ]


@pytest.fixture
async def views(tmp_path):
    store = Store(LocalFiles(tmp_path))
    scan_id = store.new_scan_id(STARTED_MS)
    await opened(store, scan_id).begin(header(scan_id))
    await opened(store, scan_id).add_segment(segment_table(scan_id, fleet()))
    await opened(store, scan_id).commit(
        scan_row(scan_id, {}), [outcome(), outcome(structs.replace(OTHER, ou_path="o-a/r-b/ou-c"))]
    )
    async with views_of(store, [scan_id]) as views:
        yield views


@pytest.mark.parametrize("text", ["", "tag", "tag:", "OU", "Team", "account_id; DROP TABLE nodes"])
def test_what_cannot_be_grouped_by_is_refused_in_a_sentence(text):
    with pytest.raises(ConfigError, match="use one of tag:KEY, ou, account, region, os, patch_group"):
        parse_grouping(text)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("tag:Team", {"payments": 2, "web": 1, None: 2}),
        ("tag:it's", {None: 5}),
        ("ou", {"o-a/r-b/ou-c": 1, None: 4}),
        ("account", {"111111111111": 4, "222222222222": 1}),
        ("region", {"eu-west-1": 4, "us-east-1": 1}),
        ("os", {None: 5}),
        ("patch_group", {"g": 1, None: 4}),
    ],
)
async def test_every_machine_is_in_one_group_and_those_without_a_value_come_last(name, values, views):
    groups = await groups_of(views, parse_grouping(name))

    assert [(group.value, sum(group.nodes.values())) for group in groups] == [*values.items()]


async def test_a_report_counts_what_each_group_lacks(views):
    ended = structs.replace(scan(), finished_at=STARTED_MS)
    found = (await report(views, ended, PatchSettings(), Wanted(by=TEAM))).findings

    rows = [(row.value, row.nodes, row.unknown, row.lacking, row.missing, row.failed) for row in found.groups.rows]
    assert rows == [("payments", 2, 0, 2, 3, 0), ("web", 1, 0, 1, 1, 1), (None, 2, 2, 1, 1, 0)]
    assert (found.groups.name, found.groups.total) == ("tag Team", 3)


@pytest.mark.parametrize(
    ("value", "missing", "accounts"), [("payments", 3, {"prod", "dev"}), ("web", 1, {"prod"}), (None, 1, {"prod"})]
)
async def test_a_report_of_one_group_has_its_machines_only(value, missing, accounts, views):
    group = {group.value: group for group in await groups_of(views, TEAM)}[value]

    shown = await report(
        GroupViews(views, TEAM, value), scan_of_group(scan(), group), PatchSettings(), Wanted(part="a part")
    )

    found = shown.findings
    assert found.totals.missing == missing
    assert {account.account_id for account in found.accounts} == {
        {"prod": "111111111111", "dev": "222222222222"}[name] for name in accounts
    }
    assert found.machines.unmanaged_total == (value is None)
    assert shown.scan.nodes == group.nodes
    assert "a part All numbers" in Page(page(shown, "s")).text


async def test_the_groups_of_a_report_sum_up_to_the_whole(views):
    whole = (await report(views, scan(), PatchSettings())).findings.totals

    parts = [
        (await report(GroupViews(views, TEAM, value), scan(), PatchSettings())).findings
        for value in ("payments", "web", None)
    ]

    assert sum(part.totals.missing for part in parts) == whole.missing
    assert sum(part.totals.lacking for part in parts) == whole.lacking
    assert sum(part.totals.failed for part in parts) == whole.failed


@pytest.mark.parametrize(
    ("nodes", "targets", "status"),
    [
        ({"verified": 2}, {"scanned": 1}, ScanStatus.COMPLETE),
        ({"verified": 2}, {"scanned": 1, "denied": 1}, ScanStatus.PARTIAL),
        ({"mismatched": 1}, {"scanned": 1}, ScanStatus.PARTIAL),
        ({"denied": 1}, {"scanned": 1}, ScanStatus.PARTIAL),
    ],
)
def test_a_group_is_complete_if_nothing_of_it_or_of_the_targets_is_missing(nodes, targets, status):
    row = scan_of_group(scan(targets=targets), Group("web", nodes))

    assert (row.status, row.nodes, row.targets) == (status, nodes, targets)
