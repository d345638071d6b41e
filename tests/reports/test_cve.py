"""Each machine of a scan has one of four answers to a CVE, and none is "not affected" without evidence."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec import structs

from scanner.core.baselines import ApprovalRule, Baseline
from scanner.core.errors import ConfigError
from scanner.core.model import ManagedNode, NodeStatus, PatchState, Scope, Target
from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.scan_request import PatchFilters
from scanner.core.state_names import LACKING_STATES
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.reports.cve import (
    CveCoverage,
    CveQuestion,
    check_filters,
    cve_coverage,
    cve_id_of,
    parameters,
    published_on,
    sentences,
)
from scanner.reports.cve_patches import add_patches
from scanner.reports.cve_sql import LACKING, LACKING_AND_UNKNOWN, by_group, of_group
from scanner.reports.grouping import parse_grouping
from scanner.reports.staleness import DAY_MS
from scanner.store.store import Store
from tests.reports.open_store import names_of, views_of
from tests.store.samples import STARTED_MS, TARGET, header, node, opened, outcome, scan_row

pytestmark = pytest.mark.slow

CVE = "CVE-2026-12345"
OTHER_ACCOUNT = Target("222222222222", "us-east-1")
ENDED = STARTED_MS - DAY_MS  # the last patching operation of a fresh node
PUBLISHED = date(2026, 8, 1)  # long before it
APPROVES_ALL = Baseline("pb-1", rules=(ApprovalRule(approve_after_days=0),))
QUESTION = CveQuestion(CVE, now=STARTED_MS)


def patch(kb_id, state, cve_ids="", severity="Critical", classification="Security"):
    return Patch(kb_id, f"{kb_id}-1.0", classification, severity, state, 0.0, cve_ids)


def machine(number, *patches, status=NodeStatus.VERIFIED, target=TARGET, reason=None, ended=ENDED, **facts):
    """A machine with these patches, whose patch data is a day old."""
    made = node(number, status=status, target=target, reason=reason)
    name = f"i-{number:04d}"
    return structs.replace(
        made,
        node=ManagedNode(name, **{"ping_status": "Online", "platform_type": "Linux"} | facts),
        state=PatchState(name, baseline_id="pb-1", operation_end_time=ended),
        patches=patch_rows_of(list(patches)),
    )


async def commit(store, nodes, baselines=(APPROVES_ALL,), started_ms=STARTED_MS):
    scan_id = store.new_scan_id(started_ms)
    scan = opened(store, scan_id)
    await scan.begin(header(scan_id))
    await scan.add_segment(segment_table(scan_id, nodes))
    targets = {each.target for each in nodes}
    await scan.commit(
        scan_row(scan_id, {}), [structs.replace(outcome(each), baselines=tuple(baselines)) for each in targets]
    )
    return scan_id


async def asked(folder, nodes, question=QUESTION, baselines=(APPROVES_ALL,), scan=None, sql=LACKING, earlier=()):
    """The rows and the counts that a scan of these nodes gives."""
    store = Store(LocalFiles(folder))
    ids = [
        await commit(store, each, started_ms=STARTED_MS - (len(earlier) - n) * 60_000) for n, each in enumerate(earlier)
    ]
    scan_id = await commit(store, nodes, baselines)
    asked_scan = structs.replace(scan or scan_row(scan_id, {}), scan_id=scan_id)
    names = await names_of(store, ids)
    async with views_of(store, [*ids, scan_id]) as views:
        await add_patches(views, scan_id, question.cve_id, names, with_feeds=False)
        rows = (await views.fetch(sql, parameters(sql, question, asked_scan))).to_pylist()
        return rows, await cve_coverage(views, asked_scan, question)


def brief(counts):
    return counts.lacking, counts.pending_reboot, counts.not_affected, counts.unknown


async def test_a_fix_that_waits_for_a_reboot_is_no_clear_answer(tmp_path):
    nodes = [
        machine(1, patch("kernel", "InstalledPendingReboot"), patch("openssl", "Missing", "CVE-2026-1")),
        machine(2, patch("kernel", "Missing", CVE)),
    ]

    rows, counts = await asked(tmp_path, nodes)

    assert brief(counts) == (1, 1, 0, {})
    assert [(row["instance_id"], row["answer"]) for row in rows] == [
        ("i-0001", "pending_reboot"),
        ("i-0002", "lacks_fix"),
    ]


async def test_a_security_update_that_aws_offers_without_its_cves_is_no_clear_answer(tmp_path):
    nodes = [machine(1, patch("KB1", "AvailableSecurityUpdate"), patch("KB2", "Missing", "CVE-2026-1"))]

    _, counts = await asked(tmp_path, nodes)

    assert brief(counts) == (0, 0, 0, {"unnamed_cves": 1})
    assert not counts.covers_all_nodes


@pytest.mark.parametrize(
    ("published", "why"),
    [(None, "publication_unknown"), (date.fromordinal(PUBLISHED.toordinal() + 50), "not_approved_yet")],
    ids=["not given", "days before the scan"],
)
async def test_a_fix_that_the_baseline_has_not_approved_yet_is_no_clear_answer(published, why, tmp_path):
    after_a_week = Baseline("pb-1", rules=(ApprovalRule(approve_after_days=7),))
    question = structs.replace(QUESTION, published=published)

    _, counts = await asked(tmp_path, [machine(1)], question, [after_a_week])

    assert brief(counts) == (0, 0, 0, {why: 1})


async def test_a_machine_is_not_affected_once_the_delay_of_its_baseline_has_passed(tmp_path):
    after_a_week = Baseline("pb-1", rules=(ApprovalRule(approve_after_days=7),))

    _, counts = await asked(tmp_path, [machine(1)], structs.replace(QUESTION, published=PUBLISHED), [after_a_week])

    assert brief(counts) == (0, 0, 1, {})
    assert counts.covers_all_nodes


async def test_data_from_before_the_publication_is_no_clear_answer_though_nothing_delays_the_approval(tmp_path):
    published = date.fromordinal(PUBLISHED.toordinal() + 60)

    _, counts = await asked(tmp_path, [machine(1)], structs.replace(QUESTION, published=published))

    assert counts.unknown == {"not_approved_yet": 1}


SECURITY = {"classifications": ("Security",), "severities": ("Critical", "Important"), "approve_after_days": 0}


@pytest.mark.parametrize(
    ("baselines", "why"),
    [
        ((), "baseline_unread"),
        ((Baseline("pb-2", rules=APPROVES_ALL.rules),), "baseline_unread"),
        ((Baseline("pb-1", approved_patches=("KB1",)),), "nothing_approved"),
        (
            (Baseline("pb-1", rules=(ApprovalRule(classifications=("Bugfix",), approve_after_days=0),)),),
            "nothing_approved",
        ),
        ((Baseline("pb-1", rules=(ApprovalRule(**SECURITY),)),), "severity_not_approved"),
        (
            (
                Baseline(
                    "pb-1",
                    rules=(
                        ApprovalRule(**SECURITY),
                        ApprovalRule(classifications=("Bugfix",), approve_after_days=0),
                    ),
                ),
            ),
            "severity_not_approved",
        ),
        ((structs.replace(APPROVES_ALL, rejected_patches=("openssl*",)),), "may_be_rejected"),
        (
            (Baseline("pb-1", rules=(ApprovalRule(approve_until_date="2026-01-31", compliance_level="HIGH"),)),),
            "approved_until_date",
        ),
        (
            (
                Baseline(
                    "pb-1",
                    rules=(
                        ApprovalRule(classifications=("Security",), approve_until_date="2026-01-31"),
                        ApprovalRule(classifications=("Bugfix",), approve_until_date="2030-12-31"),
                    ),
                ),
            ),
            "approved_until_date",
        ),
        ((Baseline("pb-1", rules=(ApprovalRule(approve_until_date="soon"),)),), "approved_until_date"),
        (
            (Baseline("pb-1", rules=(ApprovalRule(approve_after_days=0, narrowed_by=("PRODUCT",)),)),),
            "products_limited",
        ),
        ((structs.replace(APPROVES_ALL, narrowed_by=("PRODUCT",)),), "products_limited"),
        ((structs.replace(APPROVES_ALL, modified_at=ENDED + 1),), "baseline_changed"),
    ],
    ids=[
        "not read",
        "another one read",
        "names only",
        "bug fixes only",
        "the worst severities",
        "every bug fix beside the worst severities",
        "rejects by name",
        "up to a date",
        "security patches up to an earlier date than others",
        "up to no date",
        "a rule for some products",
        "some products",
        "changed after the scan",
    ],
)
async def test_a_baseline_that_may_hide_the_fix_is_no_clear_answer(baselines, why, tmp_path):
    _, counts = await asked(tmp_path, [machine(1)], baselines=baselines)

    assert brief(counts) == (0, 0, 0, {why: 1})


@pytest.mark.parametrize("named_by", ["another machine", "the user"])
async def test_a_baseline_of_some_severities_answers_for_a_fix_of_one_of_them(named_by, tmp_path):
    nodes = [machine(1)]
    question = QUESTION
    if named_by == "the user":
        question = structs.replace(QUESTION, severity="important")
    else:
        nodes.append(machine(2, patch("openssl", "Missing", CVE, severity="Important")))

    _, counts = await asked(tmp_path, nodes, question, [Baseline("pb-1", rules=(ApprovalRule(**SECURITY),))])

    assert (counts.not_affected, counts.unknown) == (1, {})


async def test_a_baseline_of_all_severities_of_a_vendor_answers_for_every_fix(tmp_path):
    rule = ApprovalRule(severities=("Critical", "Important", "Medium", "Low"), approve_after_days=0)

    _, counts = await asked(tmp_path, [machine(1)], baselines=[Baseline("pb-1", rules=(rule,))])

    assert (counts.not_affected, counts.unknown) == (1, {})


async def test_a_rule_for_some_products_beside_one_for_all_leaves_the_answer_clear(tmp_path):
    some = ApprovalRule(approve_after_days=0, narrowed_by=("PRODUCT",))
    both = structs.replace(APPROVES_ALL, rules=(some, *APPROVES_ALL.rules), modified_at=ENDED - 1)

    _, counts = await asked(tmp_path, [machine(1)], baselines=[both])

    assert brief(counts) == (0, 0, 1, {})


async def test_a_rejected_patch_that_is_not_the_fix_leaves_the_answer_clear(tmp_path):
    rejects = structs.replace(APPROVES_ALL, rejected_patches=("firefox*",))

    _, counts = await asked(tmp_path, [machine(1), machine(2, patch("openssl", "Missing", CVE))], baselines=[rejects])

    assert brief(counts) == (1, 0, 1, {})


@pytest.mark.parametrize("state", LACKING_STATES)
async def test_a_patch_that_fixes_the_cve_and_is_not_in_effect_names_its_node(state, tmp_path):
    rows, counts = await asked(tmp_path, [machine(1, patch("KB0", state, f"CVE-2026-1,{CVE}"))])

    is_pending = state == "INSTALLED_PENDING_REBOOT"
    assert [(r["account_id"], r["instance_id"], r["state"], r["kb_id"], r["answer"]) for r in rows] == [
        ("111111111111", "i-0001", state, "KB0", "pending_reboot" if is_pending else "lacks_fix")
    ]
    assert brief(counts) == (not is_pending, is_pending, 0, {})
    assert counts.covers_all_nodes


async def test_a_machine_that_lacks_one_fix_and_waits_with_another_lacks_the_fix(tmp_path):
    nodes = [machine(1, patch("a", "InstalledPendingReboot", CVE), patch("b", "Failed", CVE))]

    _, counts = await asked(tmp_path, nodes)

    assert brief(counts) == (1, 0, 0, {})


async def test_the_cves_of_a_patch_come_from_an_earlier_scan_where_this_one_names_none(tmp_path):
    rows, counts = await asked(
        tmp_path,
        [machine(1, patch("kernel", "InstalledPendingReboot"))],
        earlier=[[machine(1, patch("kernel", "Missing", CVE))], [machine(1)]],
    )

    assert brief(counts) == (0, 1, 0, {})
    assert [row["instance_id"] for row in rows] == ["i-0001"]


async def test_the_machines_of_earlier_scans_are_not_counted(tmp_path):
    _, counts = await asked(tmp_path, [machine(1)], earlier=[[machine(2, patch("KB1", "Missing", CVE))]])

    assert brief(counts) == (0, 0, 1, {})


async def test_a_patch_of_the_same_name_and_another_version_takes_no_cves(tmp_path):
    waiting = structs.replace(patch("kernel", "InstalledPendingReboot"), title="kernel-2.0")

    _, counts = await asked(tmp_path, [machine(1, waiting), machine(2, patch("kernel", "Missing", CVE))])

    assert brief(counts) == (1, 0, 0, {"unnamed_cves": 1})


@pytest.mark.parametrize("classification", ["Bugfix", "Enhancement", "DefinitionUpdates"])
async def test_a_patch_that_holds_no_security_fix_needs_no_cves(classification, tmp_path):
    _, counts = await asked(tmp_path, [machine(1, patch("KB1", "Missing", classification=classification))])

    assert brief(counts) == (0, 0, 1, {})


@pytest.mark.parametrize("classification", [None, "Security", "SecurityUpdates", "UpdateRollups", "a new word"])
async def test_a_patch_that_may_hold_a_security_fix_and_names_no_cves_is_no_clear_answer(classification, tmp_path):
    _, counts = await asked(tmp_path, [machine(1, patch("KB1", "Missing", classification=classification))])

    assert brief(counts) == (0, 0, 0, {"unnamed_cves": 1})


async def test_installed_patches_and_those_of_other_cves_name_no_machine(tmp_path):
    rows, counts = await asked(
        tmp_path,
        [machine(1, patch("a", "Installed", CVE), patch("b", "NotApplicable", CVE), patch("c", "Missing", f"{CVE}9"))],
    )

    assert rows == []
    assert brief(counts) == (0, 0, 1, {})


async def test_a_machine_with_two_such_patches_is_two_rows_and_one_machine(tmp_path):
    nodes = [
        machine(1, patch("a", "Missing", CVE), patch("b", "Failed", CVE)),
        machine(1, patch("a", "Missing", CVE), target=OTHER_ACCOUNT),
    ]

    rows, counts = await asked(tmp_path, nodes)

    assert len(rows) == 3
    assert (counts.lacking, counts.accounts) == (2, 2)


@pytest.mark.parametrize(
    "status",
    [
        NodeStatus.UNMANAGED,
        NodeStatus.STOPPED,
        NodeStatus.SERVICE_MANAGED,
        NodeStatus.SUMMARY_ONLY,
        NodeStatus.NO_PATCH_DATA,
        NodeStatus.MISMATCHED,
        NodeStatus.DENIED,
        NodeStatus.FAILED,
        NodeStatus.UNFINISHED,
    ],
)
async def test_a_machine_that_was_not_verified_is_unknown_by_its_status(status, tmp_path):
    nodes = [machine(1), machine(2, status=status, reason="why")]

    rows, counts = await asked(tmp_path, nodes, sql=LACKING_AND_UNKNOWN)

    assert brief(counts) == (0, 0, 1, {status: 1})
    assert counts.machines == {"verified": 1, status: 1}
    assert [(row["instance_id"], row["answer"], row["kb_id"]) for row in rows] == [("i-0002", "unknown", None)]
    assert rows[0]["reason"].endswith(": why")
    assert not counts.covers_all_nodes


@pytest.mark.parametrize("status", [NodeStatus.VERIFIED, NodeStatus.UNCHANGED])
async def test_a_machine_that_was_verified_can_be_clear(status, tmp_path):
    _, counts = await asked(tmp_path, [machine(1, status=status)])

    assert brief(counts) == (0, 0, 1, {})


@pytest.mark.parametrize("status", [NodeStatus.MISMATCHED, NodeStatus.STOPPED])
async def test_a_machine_that_lists_the_patch_lacks_the_fix_whatever_its_status(status, tmp_path):
    _, counts = await asked(tmp_path, [machine(1, patch("KB1", "Missing", CVE), status=status)])

    assert brief(counts) == (1, 0, 0, {})


LONG_AGO = STARTED_MS - 40 * DAY_MS


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"ended": LONG_AGO}, "scan_did_not_run"),
        ({"ended": LONG_AGO, "ping_status": "ConnectionLost"}, "node_silent"),
        ({"ended": LONG_AGO, "last_successful_association_time": ENDED}, "baseline_override"),
        ({"ended": None}, "never_scanned"),
    ],
    ids=str,
)
async def test_a_machine_whose_data_is_stale_is_unknown_by_the_reason_for_it(facts, why, tmp_path):
    _, counts = await asked(tmp_path, [machine(1, **facts)])

    assert brief(counts) == (0, 0, 0, {why: 1})


async def test_a_scan_that_lies_too_long_in_the_store_clears_no_machine(tmp_path):
    question = structs.replace(QUESTION, now=STARTED_MS + 30 * DAY_MS)

    _, counts = await asked(tmp_path, [machine(1)], question)
    assert counts.unknown == {"old_reading": 1}


async def test_a_machine_that_left_is_not_counted(tmp_path):
    _, counts = await asked(tmp_path, [machine(1, status=NodeStatus.GONE)])

    assert (counts.machines, counts.covers_all_nodes) == ({}, True)


@pytest.mark.parametrize(
    ("regions", "unread"), [("eu-west-1,us-east-1", 3), ("enabled", 2)], ids=["named Regions", "the enabled ones"]
)
async def test_targets_that_were_not_read_keep_the_answer_from_being_complete(regions, unread, tmp_path):
    scan = structs.replace(
        scan_row("s", {}), scope=Scope("current", regions), targets={"scanned": 1, "denied": 2, "disabled": 1}
    )

    _, counts = await asked(tmp_path, [machine(1)], scan=scan)

    assert (counts.unread_targets, counts.covers_all_nodes) == (unread, False)


async def test_groups_take_the_tags_of_the_scan_that_is_asked(tmp_path):
    def of_team(made, team):
        return structs.replace(made, tags=(("Team", team),))

    team = parse_grouping("tag:Team")
    store = Store(LocalFiles(tmp_path))
    lacking = patch("a", "Missing", CVE)
    ids = [
        await commit(store, [of_team(machine(1, lacking), "aardvark")]),
        await commit(
            store,
            [of_team(machine(1, lacking), "web"), of_team(machine(2), "db"), machine(3, status=NodeStatus.STOPPED)],
            started_ms=STARTED_MS + 60_000,
        ),
    ]
    scan = scan_row(ids[1], {})

    async with views_of(store, ids) as views:
        await add_patches(views, ids[1], QUESTION.cve_id, await names_of(store, ids[:1]), with_feeds=False)
        sql = by_group(team.members("main.nodes"))
        rows = (await views.fetch(sql, parameters(sql, QUESTION, scan, team.parameters))).to_pylist()
        sql = of_group(LACKING, team.members("main.nodes"))
        of_web = {**team.parameters, "group_value": "web"}
        lacking_rows = (await views.fetch(sql, parameters(sql, QUESTION, scan, of_web))).to_pylist()

    assert [tuple(row.values()) for row in rows] == [
        ("web", 1, 1, 0, 0, 0, 0),
        (None, 1, 0, 0, 0, 1, 0),
        ("db", 1, 0, 0, 1, 0, 0),
    ]
    assert [row["instance_id"] for row in lacking_rows] == ["i-0001"]


async def test_sources_that_were_not_asked_are_named(tmp_path):
    store = Store(LocalFiles(tmp_path))
    scan_id = store.new_scan_id(STARTED_MS)
    scan = opened(store, scan_id)
    await scan.begin(header(scan_id))
    refusal = "ec2:DescribeInstances in account 111111111111, Region eu-west-1, failed: UnauthorizedOperation (no)"
    await scan.commit(scan_row(scan_id, {}), [structs.replace(outcome(), not_asked=(refusal,))])

    async with views_of(store, [scan_id]) as views:
        await add_patches(views, scan_id, QUESTION.cve_id, await names_of(store, []), with_feeds=False)
        counts = await cve_coverage(views, scan_row(scan_id, {}), QUESTION)

    assert counts.not_asked == ("not asked: ec2:DescribeInstances is denied in 1 account",)


async def test_states_that_the_scan_left_out_keep_the_answer_from_being_complete(tmp_path):
    scan = structs.replace(scan_row("s", {}), states=("FAILED", "INSTALLED_PENDING_REBOOT", "MISSING"))

    _, counts = await asked(tmp_path, [machine(1, patch("KB1", "Missing", CVE))], scan=scan)

    assert (counts.lacking, counts.unread_states, counts.covers_all_nodes) == (1, ("AVAILABLE_SECURITY_UPDATE",), False)
    assert list(sentences(counts, CVE, "SCAN"))[-1] == (
        "Unknown for patches in AVAILABLE_SECURITY_UPDATE: left out by the scan's --states filter"
    )


def test_sentences_count_the_machines_then_the_answers_then_every_gap():
    counts = CveCoverage(
        machines={"verified": 16, "unmanaged": 3, "denied": 1},
        lacking=2,
        accounts=1,
        pending_reboot=1,
        not_affected=10,
        unknown={"unmanaged": 3, "unnamed_cves": 3, "denied": 1},
        unread_targets=1,
    )

    assert list(sentences(counts, CVE, "SCAN")) == [
        "20 machines: 16 verified, 3 unmanaged, 1 not read.",
        (
            f"{CVE}: 2 machines in 1 account lack the fix; 1 installed, pending reboot; "
            "10 are not affected as far as AWS tells (scan SCAN)"
        ),
        "Unknown for 3 machines: Systems Manager does not manage it",
        "Unknown for 3 machines: AWS names no CVEs for a patch that is missing and may hold the fix",
        "Unknown for 1 machine: not read: a policy denies it",
        "Unknown for 1 target: not read",
    ]


@pytest.mark.parametrize("text", ["CVE-2026-12345", " cve-2026-12345\n"])
def test_an_id_is_taken_however_it_is_written(text):
    assert cve_id_of(text) == CVE


@pytest.mark.parametrize("text", ["", "CVE-2026-1", "2026-12345", "CVE-2026-12345'", "CVE-2026-12345 CVE-2026-1"])
def test_what_is_no_id_is_refused_with_an_example(text):
    with pytest.raises(ConfigError, match="expected CVE-2026-12345"):
        cve_id_of(text)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "01.11.2026"])
def test_what_is_no_date_is_refused_with_its_form(text):
    with pytest.raises(ConfigError, match="expected YYYY-MM-DD"):
        published_on(text)


@pytest.mark.parametrize(
    "patches",
    [
        PatchFilters(states=("MISSING",)),
        PatchFilters(severities=("Critical",)),
        PatchFilters(classifications=("Security",)),
        PatchFilters(kb_ids=("KB1",)),
    ],
    ids=["states", "severities", "classifications", "KB ids"],
)
def test_a_scan_that_may_have_left_out_the_fix_is_refused_with_the_filter_that_did(patches):
    with pytest.raises(ConfigError, match=r"SCAN .* patches\.(states|severities|classifications|kb_ids)"):
        check_filters("SCAN", patches)


@pytest.mark.parametrize("states", [(), ("MISSING", "FAILED"), ("INSTALLED", "FAILED", "MISSING")])
def test_a_scan_of_what_is_missing_and_failed_will_do(states):
    check_filters("SCAN", PatchFilters(states=states))
