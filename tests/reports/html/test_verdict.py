"""The verdict names every machine that is not compliant, and there is something to do about each."""

from __future__ import annotations

import pytest
from msgspec import structs

from scanner.core.model import NodeStatus, TargetStatus
from scanner.reports.html.exploited import Exploited, Feeds
from scanner.reports.html.page import page
from scanner.reports.html.verdict import tasks, verdict
from tests.reports.html.page_reader import Page
from tests.reports.html.reports import NOTHING, complete
from tests.reports.html.stored import FINISHED_MS, OTHER, found, patched
from tests.store.samples import TARGET, outcome

FINE = {
    "missing_count": 0,
    "failed_count": 0,
    "installed_pending_reboot_count": 0,
    "installed_rejected_count": 0,
}
STALE = {"operation_end_time": FINISHED_MS - 8 * 86_400_000}
LACKING = [
    patched(1, ("Missing", "k", "Critical"), **FINE | {"missing_count": 1}),
    patched(1, ("Missing", "k", "Important"), **FINE | {"missing_count": 1}),
    patched(1, ("Failed", "k", "Low"), **FINE | {"failed_count": 1}),
    patched(1, ("InstalledPendingReboot", "k", "Low"), **FINE | {"installed_pending_reboot_count": 1}),
    patched(1, ("InstalledRejected", "k", "Low"), **FINE | {"installed_rejected_count": 1}),
    patched(1, ("InstalledRejected", "k", "Low"), **FINE | {"installed_rejected_count": None}),
    patched(1, ("Installed",), **FINE | {"missing_count": 7}),
    patched(1, ("Installed",), **FINE | {"missing_count": None}),
    patched(1, ("AvailableSecurityUpdate", "k", "Low"), **FINE | {"missing_count": None}),
    patched(1, ("AvailableSecurityUpdate", "k", "Low"), **FINE | STALE),
    patched(1, ("Missing", "k", "Low"), **FINE | STALE),
    patched(1, ("Installed",), **FINE | STALE),
    patched(1, status=NodeStatus.UNMANAGED, **FINE | {"missing_count": None}),
]


@pytest.mark.parametrize("node", LACKING)
async def test_a_machine_that_is_not_compliant_is_one_part_of_the_verdict_and_one_to_do_something_about(node, tmp_path):
    report = complete(await found(tmp_path, [node, patched(2, ("Installed",), **FINE)]))

    said, text = verdict(report), Page(page(report, ".")).text

    assert said.sentence.startswith("1 of 2 machines (50 %) are compliant: 1 ")
    assert said.sentence.count(" and ") == 0
    assert said.tone != "sure"
    assert [task.count for task in tasks(report)] != []
    assert "Nothing: every machine" not in text


async def test_a_fleet_without_critical_patches_still_has_its_other_ones_to_install(tmp_path):
    nodes = [patched(number, ("Missing", "k", "Important"), **FINE | {"missing_count": 1}) for number in range(3)]

    report = complete(await found(tmp_path, nodes))

    assert verdict(report).sentence == "0 of 3 machines (0 %) are compliant: 3 lack other patches."
    assert [(task.count, task.text) for task in tasks(report)] == [
        (3, "install what is missing or failed there, none of it Critical")
    ]


async def test_where_all_machines_that_were_read_are_compliant_the_targets_that_were_not_are_named(tmp_path):
    lost = structs.replace(outcome(OTHER), status=TargetStatus.DENIED, reason="why")

    said = verdict(complete(await found(tmp_path, [patched(1, **FINE)], [outcome(TARGET), lost])))

    assert said.sentence == "1 of 1 machine (100 %) are compliant; 1 target was not read, and may have more."
    assert said.tone == "warn"


@pytest.mark.parametrize(
    ("totals", "exploited"),
    [
        ({"overdue": 1, "overdue_nodes": 1}, None),
        ({}, Exploited("KEV of 2026-11-24 (1 record)", nodes=1, overdue_nodes=1)),
    ],
    ids=["overdue, and not approved by any baseline", "known to be exploited"],
)
def test_machines_that_are_all_compliant_by_aws_are_no_good_news_while_something_is_late(totals, exploited):
    counted = structs.replace(NOTHING.totals, machines=1, compliant=1, **totals)
    report = structs.replace(complete(structs.replace(NOTHING, totals=counted)), feeds=Feeds(exploited))

    assert verdict(report).tone == "bad"


async def test_a_fleet_that_lacks_nothing_is_good_news(tmp_path):
    report = complete(await found(tmp_path, [patched(1, ("Installed",), **FINE)]))

    assert (verdict(report).tone, tasks(report)) == ("sure", [])
    assert "Nothing: every machine was verified lately" in Page(page(report, ".")).text
