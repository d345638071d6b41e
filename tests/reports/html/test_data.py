"""What a report finds in a store: coverage, age, and what nodes lack."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from scanner.core.model import NodeStatus, Scope, Target, TargetOutcome, TargetStatus
from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.state_names import LACKING_STATES
from scanner.files.local import LocalFiles
from scanner.reports.gap_groups import CAUSE, Gap, group_gaps
from scanner.reports.html.data import parameters
from scanner.reports.html.findings import LONG_LIST, SHORT_LIST, Severity
from scanner.reports.html.sql import FINDINGS, REBOOTING_NODES, UNKNOWN_NODES
from scanner.store.store import Store
from tests.reports.check.samples import machine, patch, scan_of, target
from tests.reports.check.samples import views_of as checked_views
from tests.reports.html.stored import FINISHED_MS, OTHER, found, patched
from tests.reports.open_store import views_of
from tests.store.samples import outcome

reasons = st.lists(
    st.sampled_from(["111111111111", "i-0123456789abcdef0", "mi-01234567", "eu-west-1", " in ", "é", "2", "'"])
).map("".join)
regions = st.sampled_from(["eu-west-1", "us-east-1", "*"])
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def unread(target, status, reason="why"):
    return TargetOutcome(target, status, reason, 0, 0, 0, 0, 0, None, None)


def ids(nodes):
    return [node.instance_id for node in nodes]


async def test_missing_and_failed_patches_are_counted_by_severity_as_aws_ranks_it(tmp_path):
    told = await found(
        tmp_path,
        [
            patched(1, ("Missing", "a", "optional"), ("Missing", "b", "Low"), ("Missing", "c", "Critical")),
            patched(2, ("Failed", "c", "Critical"), ("Missing", "d", "optional"), ("Missing", "e", "")),
            patched(3, ("Installed", "c", "Critical"), ("InstalledPendingReboot", "b", "Low")),
        ],
    )

    assert told.severities == (
        Severity("Critical", missing=1, failed=1, nodes=2),
        Severity("Low", missing=1, failed=0, nodes=1),
        Severity("optional", missing=2, failed=0, nodes=2),
        Severity(None, missing=1, failed=0, nodes=1),
    )
    totals = told.totals
    assert (totals.missing, totals.missing_nodes, totals.failed, totals.failed_nodes) == (5, 2, 1, 1)
    assert (totals.affected, totals.lacking) == (2, 3)


@pytest.mark.parametrize("state", LACKING_STATES)
async def test_a_node_with_a_patch_that_is_not_in_effect_is_lacking(state, tmp_path):
    told = await found(tmp_path, [patched(1, (state,)), patched(2, ("Installed",), ("NotApplicable",))])

    assert (told.totals.lacking, told.accounts[0].lacking, told.accounts[0].nodes) == (1, 1, 2)


async def test_every_account_and_region_is_counted_the_worst_first(tmp_path):
    told = await found(
        tmp_path,
        [
            patched(1, ("Missing",)),
            patched(2, status=NodeStatus.NO_PATCH_DATA, missing_count=None),
            patched(3, ("Missing",), ("Failed",), ("InstalledPendingReboot",), target=OTHER),
            patched(4, status=NodeStatus.DENIED, target=OTHER),
        ],
    )

    dev, prod = told.accounts
    assert (dev.account_id, dev.account_name, dev.region) == ("222222222222", "dev", None)
    assert (dev.nodes, dev.unknown, dev.lacking, dev.pending_reboot, dev.missing, dev.failed) == (2, 1, 1, 1, 1, 1)
    assert (prod.account_name, prod.nodes, prod.unknown, prod.lacking, prod.missing) == ("prod", 2, 1, 1, 1)
    assert [(place.region, place.account_id, place.missing) for place in told.regions] == [
        ("us-east-1", None, 1),
        ("eu-west-1", None, 1),
    ]
    assert (told.totals.accounts, told.totals.regions) == (2, 2)


@pytest.mark.parametrize(("regions", "gaps"), [("enabled", ["denied"]), ("eu-west-1", ["denied", "disabled"])])
async def test_an_account_that_was_not_read_is_there_without_nodes_and_named_with_its_reason(regions, gaps, tmp_path):
    outcomes = [outcome(), unread(Target("3", "*", "lost"), TargetStatus.DENIED), unread(OTHER, TargetStatus.DISABLED)]

    told = await found(tmp_path, [patched(1)], outcomes, Scope("organization", regions))

    assert sorted(gap.status for gap in told.target_gaps) == gaps
    (denied,) = [gap for group in told.target_gaps for gap in group.first if gap.status is TargetStatus.DENIED]
    assert (denied.account_id, denied.account_name, denied.region, denied.reason) == ("3", "lost", "*", "why")
    assert told.totals.target_gaps == len(gaps)
    off = [target.region for group in told.disabled_targets for target in group.first]
    assert off == ([] if "disabled" in gaps else [OTHER.region])
    assert told.totals.disabled_targets == len(off)
    unknown = {place.account_name: place for place in told.accounts if place.unread_targets}
    assert (unknown["lost"].nodes, unknown["lost"].unread_targets) == (0, 1)
    assert ("dev" in unknown) == ("disabled" in gaps)


async def test_nodes_that_keep_the_scan_from_being_complete_are_named_and_others_are_not(tmp_path):
    nodes = [
        structs.replace(patched(number, status=status), reason=f"because {status}")
        for number, status in enumerate(NodeStatus)
    ]

    told = await found(tmp_path, nodes)

    assert {(gap.status, node.reason) for gap in told.node_gaps for node in gap.first} == {
        (status, f"because {status}") for status in NodeStatus if not status.is_complete
    }
    assert told.totals.node_gaps == 4


@pytest.mark.parametrize(
    "reasons", [("a denial in account 111111111111", "a denial in account 222222222222"), ("a", "b")]
)
async def test_one_denial_in_many_accounts_is_one_line_with_a_count(reasons, tmp_path):
    targets = [Target("111111111111", "eu-west-1", "prod"), Target("222222222222", "us-east-1", "dev")]
    outcomes = [unread(target, TargetStatus.DENIED, reason) for target, reason in zip(targets, reasons, strict=True)]

    told = await found(tmp_path, [], outcomes)

    same = group_gaps(Gap(each.target, each.status, each.reason) for each in outcomes)
    assert [(group.gaps, group.accounts) for group in told.target_gaps] == [(len(g.gaps), len(g.gaps)) for g in same]
    assert told.totals.target_gaps == 2


@given(st.lists(st.tuples(reasons, regions), min_size=1))
def test_a_cause_is_the_same_in_sql(gaps):
    """Of reason and Region, as `Gap.cause` says it."""
    table = pa.table({"reason": [reason for reason, _ in gaps], "region": [region for _, region in gaps]})
    causes = duckdb.from_arrow(table).project(CAUSE).fetchall()

    assert [cause for (cause,) in causes] == [
        Gap(Target("1", region), "denied", reason).cause[1] for reason, region in gaps
    ]


async def test_long_lists_are_cut_and_their_whole_length_is_told(tmp_path):
    many = LONG_LIST + 5
    nodes = [patched(n, status=NodeStatus.FAILED, reason="slow") for n in range(many)]
    nodes += [
        patched(many + n, ("Missing", f"KB{n:03}", "Low", f"CVE-2026-{n:05}"), ("InstalledPendingReboot", "KB"))
        for n in range(many)
    ]

    told = await found(tmp_path, nodes)

    (slow,) = told.node_gaps
    assert (slow.gaps, slow.accounts, ids(slow.first), told.totals.node_gaps) == (
        many,
        1,
        ["i-0000", "i-0001", "i-0002"],
        many,
    )
    assert (len(told.reboots), told.totals.pending_reboot) == (LONG_LIST, many)
    assert (len(told.patches), told.totals.patches) == (SHORT_LIST, many)
    assert (len(told.nodes), told.totals.affected) == (SHORT_LIST, many)
    assert (len(told.cves), told.totals.cves) == (SHORT_LIST, many)


async def test_a_patch_counts_once_on_a_node_and_its_versions_are_one(tmp_path):
    told = await found(
        tmp_path,
        [
            patched(
                1,
                ("Missing", "kernel", "Low", "CVE-2026-2", "kernel-1"),
                ("Missing", "kernel", "Important", "CVE-2026-1,CVE-2026-2", "kernel-2"),
            ),
            patched(2, ("Failed", "kernel", "Low", "", "kernel-1"), ("Missing", "rare", "Critical")),
            patched(3, ("InstalledPendingReboot", "kernel")),
        ],
    )

    kernel, rare = told.patches
    assert (kernel.kb_id, kernel.title, kernel.titles, kernel.severity) == ("kernel", "kernel-1", 2, "Important")
    assert (kernel.cve_ids, kernel.nodes) == (("CVE-2026-1", "CVE-2026-2"), 2)
    assert (rare.kb_id, rare.nodes, rare.cve_ids) == ("rare", 1, ())


async def test_the_same_instance_id_in_two_accounts_is_two_nodes(tmp_path):
    told = await found(
        tmp_path,
        [patched(1, ("Missing", "k", "Low", "CVE-1")), patched(1, ("Missing", "k", "Low", "CVE-1"), target=OTHER)],
    )

    assert (told.patches[0].nodes, told.cves[0].nodes, told.cves[0].accounts) == (2, 2, 2)
    assert [(worst.account_name, worst.missing) for worst in told.nodes] == [("prod", 1), ("dev", 1)]


async def test_nodes_are_listed_by_what_is_missing_or_failed_on_them(tmp_path):
    told = await found(
        tmp_path,
        [
            patched(1, ("Missing",)),
            patched(2, ("Missing",), ("Failed",), status=NodeStatus.MISMATCHED),
            patched(3, ("InstalledPendingReboot",), ("AvailableSecurityUpdate",)),
        ],
    )

    assert [(n.instance_id, n.missing, n.failed, n.status) for n in told.nodes] == [
        ("i-0002", 1, 1, "mismatched"),
        ("i-0001", 1, 0, "verified"),
    ]


async def test_a_cve_concerns_every_node_on_which_its_fix_is_not_in_effect(tmp_path):
    told = await found(
        tmp_path,
        [patched(n, (state, f"KB{n % 2}", "Low", "CVE-2026-1")) for n, state in enumerate(LACKING_STATES)]
        + [patched(9, ("Installed", "KB9", "Low", "CVE-2026-1"))],
    )

    (cve,) = told.cves
    assert (cve.cve_id, cve.nodes, cve.accounts, cve.kb_ids) == ("CVE-2026-1", 4, 1, ("KB0", "KB1"))


async def test_nodes_whose_patches_name_no_cve_are_counted_so_that_none_passes_for_safe(tmp_path):
    told = await found(
        tmp_path,
        [
            patched(1, ("Missing", "a", "optional")),
            patched(2, ("Missing", "a", "optional"), ("Missing", "b", "Low", "CVE-2026-1")),
            patched(3, ("Installed", "a", "optional")),
        ],
    )

    assert told.totals.without_cves == 1


@pytest.mark.parametrize(
    ("age_ms", "part"),
    [
        (-HOUR_MS, "day"),
        (DAY_MS - 1, "day"),
        (DAY_MS, "week"),
        (8 * DAY_MS - 1, "week"),
        (8 * DAY_MS, "month"),
        (31 * DAY_MS - 1, "month"),
        (31 * DAY_MS, "older"),
    ],
)
async def test_a_node_is_as_old_as_its_last_patching_operation(age_ms, part, tmp_path):
    told = await found(tmp_path, [patched(1, operation_end_time=FINISHED_MS - age_ms)])

    assert {name: count for name, count in structs.asdict(told.ages).items() if count} == {part: 1}


@pytest.mark.parametrize(
    ("status", "part"),
    [(NodeStatus.VERIFIED, "never"), (NodeStatus.NO_PATCH_DATA, "never"), (NodeStatus.FAILED, "unread")],
)
async def test_a_node_without_an_operation_is_told_from_one_that_was_not_read(status, part, tmp_path):
    told = await found(tmp_path, [patched(1, status=status, operation_end_time=None)])

    assert {name: count for name, count in structs.asdict(told.ages).items() if count} == {part: 1}


async def test_a_node_waits_for_a_reboot_by_its_rows_or_by_awss_count_and_the_longest_wait_is_first(tmp_path):
    late, early = (
        structs.replace(
            patched(n), patches=patch_rows_of([Patch("k", state="InstalledPendingReboot", installed_time=at)])
        )
        for n, at in ((1, 2_000.0), (2, 1_000.0))
    )
    counted = patched(3, status=NodeStatus.DENIED, installed_pending_reboot_count=4, reboot_option="NoReboot")

    told = await found(tmp_path, [late, early, counted, patched(4, installed_pending_reboot_count=0)])

    assert ids(told.reboots) == ["i-0002", "i-0001", "i-0003"]
    assert [(n.pending_reboot, n.pending_since, n.reboot_option) for n in told.reboots] == [
        (1, 1_000_000, None),
        (1, 2_000_000, None),
        (4, None, "NoReboot"),
    ]
    assert told.totals.pending_reboot == 3


async def test_a_node_that_left_is_in_no_list_and_no_number(tmp_path):
    told = await found(tmp_path, [patched(1, status=NodeStatus.GONE, installed_pending_reboot_count=3)])

    assert sum(structs.asdict(told.ages).values()) == 0
    assert (told.accounts, told.reboots, told.node_gaps) == ((), (), ())


async def test_a_fleet_without_nodes_has_empty_lists(tmp_path):
    told = await found(tmp_path, [])

    assert structs.asdict(told.totals) == dict.fromkeys(structs.asdict(told.totals), 0)
    assert not any((told.severities, told.patches, told.nodes, told.cves, told.reboots, told.accounts))


@pytest.mark.parametrize("sql", [UNKNOWN_NODES, REBOOTING_NODES])
async def test_the_queries_that_tell_more_can_be_asked(sql, tmp_path):
    store = Store(LocalFiles(tmp_path))
    await found(tmp_path, [patched(1, status=NodeStatus.NO_PATCH_DATA, installed_pending_reboot_count=1)])

    async with views_of(store, await store.committed()) as views:
        assert (await views.fetch(sql)).num_rows == 1


@pytest.mark.parametrize("ended", [None, FINISHED_MS - 8 * DAY_MS], ids=["never scanned", "scanned long ago"])
async def test_a_node_whose_data_is_stale_is_unknown_where_accounts_are_listed(ended, tmp_path):
    told = await found(tmp_path, [patched(1), patched(2, operation_end_time=ended)])

    assert [(place.nodes, place.unknown) for place in told.accounts] == [(2, 1)]


async def test_a_priority_of_debian_is_no_severity(tmp_path):
    debian = patched(2, ("Missing", "b", "important"), ("Missing", "c", "Critical"))
    debian = structs.replace(debian, node=structs.replace(debian.node, platform_name="Debian GNU/Linux"))

    told = await found(tmp_path, [patched(1, ("Missing", "a", "Important")), debian])

    assert [(each.severity, each.nodes) for each in told.severities] == [("Important", 1)]
    assert [(each.severity, each.nodes) for each in told.priorities] == [("Critical", 1), ("important", 1)]


NOTHING_LACKING = {
    "missing_count": 0,
    "failed_count": 0,
    "installed_pending_reboot_count": 0,
    "installed_rejected_count": 0,
}


@pytest.mark.parametrize(
    ("node", "counts"),
    [
        (patched(1, ("Installed",), **NOTHING_LACKING), (1, 1, 0, 1)),
        (patched(1, ("Installed",), **NOTHING_LACKING | {"installed_rejected_count": 1}), (1, 0, 0, 0)),
        (patched(1, ("AvailableSecurityUpdate",), **NOTHING_LACKING), (1, 1, 0, 1)),
        (patched(1, ("Installed",), **NOTHING_LACKING | {"missing_count": None}), (1, 0, 0, 0)),
        (patched(1, **NOTHING_LACKING | {"operation_end_time": FINISHED_MS - 8 * DAY_MS}), (1, 0, 1, 1)),
        (patched(1, status=NodeStatus.UNMANAGED, **NOTHING_LACKING | {"missing_count": None}), (1, 0, 1, 0)),
        (patched(1, status=NodeStatus.SERVICE_MANAGED, **NOTHING_LACKING | {"missing_count": None}), (0, 0, 0, 0)),
        (patched(1, ("Missing", "k", "Critical"), **NOTHING_LACKING | {"missing_count": 1}), (1, 0, 0, 0)),
    ],
    ids=["fine", "rejected", "offered", "no counts", "stale", "unmanaged", "a service's", "missing"],
)
async def test_a_machine_is_compliant_by_evidence_alone(node, counts, tmp_path):
    totals = (await found(tmp_path, [node])).totals

    assert (totals.machines, totals.compliant, totals.unknown, totals.compliant_by_aws) == counts


async def test_a_critical_patch_is_overdue_by_the_day_since_which_it_is_lacking():
    patches = [
        patch("i-1", "KB1", since=15, state="INSTALLED_PENDING_REBOOT"),
        patch("i-1", "KB2", since=13),
        patch("i-1", "KB3", since=60, severity="Important"),
        patch("i-1", "KB4", since=60, state="INSTALLED"),
        patch("i-2", "KB1", since=None),
        patch("i-3", "KB1", since=5),
        patch("i-3", "KB2", since=3),
    ]
    machines = [machine("i-1"), machine("i-2"), machine("i-3", history=5)]
    row = scan_of(machines, [target()])
    async with checked_views(machines, patches, targets=[target()]) as views:
        await views.number_patches()
        ((totals,),) = [(await views.fetch(FINDINGS, parameters(row))).column("totals").to_pylist()]

    assert (totals["overdue"], totals["overdue_nodes"], totals["undated"]) == (1, 1, 2)
