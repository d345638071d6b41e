"""A report names the machines whose data is stale, each by its reason, which decides what has to be done."""

from __future__ import annotations

from msgspec import structs

from scanner.core.model import NodeStatus
from scanner.reports.html.findings import SHORT_LIST
from scanner.reports.html.page import page
from scanner.reports.html.stale import stale_nodes
from scanner.reports.staleness import StaleReason
from tests.reports.html.page_reader import Page
from tests.reports.html.reports import NOTHING, complete
from tests.reports.html.stored import FINISHED_MS, OTHER, found, patched

DAY_MS = 86_400_000


def aged(number, days, *, ping="Online", associated_days=None, **others):
    made = patched(number, operation_end_time=None if days is None else FINISHED_MS - days * DAY_MS, **others)
    associated = None if associated_days is None else FINISHED_MS - associated_days * DAY_MS
    facts = structs.replace(made.node, ping_status=ping, last_successful_association_time=associated)
    return structs.replace(made, node=facts)


async def test_stale_machines_are_named_by_the_reason_for_it(tmp_path):
    shown = await found(
        tmp_path,
        [
            aged(1, 8),
            aged(2, 30, target=OTHER),
            aged(3, 9, ping="ConnectionLost"),
            aged(4, 40, associated_days=1),
            aged(5, None),
            aged(6, 6),
            aged(7, 90, status=NodeStatus.STOPPED),
        ],
    )

    assert [(each.reason, each.machines, each.accounts) for each in shown.stale.groups] == [
        (StaleReason.SCAN_DID_NOT_RUN, 2, 2),
        (StaleReason.BASELINE_OVERRIDE, 1, 1),
        (StaleReason.NEVER_SCANNED, 1, 1),
        (StaleReason.NODE_SILENT, 1, 1),
    ]
    assert [each.instance_id for each in shown.stale.machines] == ["i-0002", "i-0001", "i-0004", "i-0005", "i-0003"]
    text = Page(page(complete(shown), "s")).text
    assert "The data of 5 machines is too old to call anything fine" in text
    for group in shown.stale.groups:
        assert group.reason.sentence in text


async def test_a_long_list_of_stale_machines_is_cut_and_the_way_to_all_of_them_is_named(tmp_path):
    shown = await found(tmp_path, [aged(number, 8) for number in range(SHORT_LIST + 2)])

    assert (len(shown.stale.machines), shown.stale.total) == (SHORT_LIST, SHORT_LIST + 2)
    assert stale_nodes(complete(shown).scan.finished_at, 7) in Page(page(complete(shown), "s")).text


async def test_a_report_without_stale_machines_says_nothing_of_them(tmp_path):
    assert "too old to call anything fine" not in Page(page(complete(NOTHING), "s")).text
