"""Feeds decide where AWS names no CVEs, on Windows, Ubuntu and Debian, and what they leave open stays unknown."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from scanner.core.baselines import ApprovalRule, Baseline
from scanner.files.local import LocalFiles
from scanner.reports.cve import cve_coverage, parameters, sentences
from scanner.reports.cve_by_feed import add_verdicts
from scanner.reports.cve_feed_tables import latest_version, published_by_feed
from scanner.reports.cve_patches import add_patches
from scanner.reports.cve_sql import LACKING, LACKING_AND_UNKNOWN, with_feeds
from scanner.reports.feeds.supersedence import carriers
from scanner.reports.staleness import DAY_MS
from scanner.store.store import Store
from tests.reports.feeds.samples import affected, msrc, osv, remediation
from tests.reports.feeds.test_feeds import read_msrc, read_osv
from tests.reports.open_store import names_of, views_of
from tests.reports.test_cve import APPROVES_ALL, CVE, QUESTION, commit, machine, patch
from tests.store.samples import STARTED_MS, scan_row

pytestmark = pytest.mark.slow

WINDOWS = {"platform_type": "Windows", "platform_name": "Microsoft Windows Server 2019 Datacenter"}
UBUNTU = {"platform_name": "Ubuntu", "platform_version": "22.04"}
DEBIAN = {"platform_name": "Debian GNU/Linux", "platform_version": "12"}
FIXED = "3.0.2-0ubuntu1.15"


async def answers(folder, feeds, *machines, sql=LACKING, baselines=(APPROVES_ALL,), question=QUESTION):
    """The rows and the counts for machines whose feeds are read."""
    store = Store(LocalFiles(folder))
    scan_id = await commit(store, list(machines), baselines)
    scan = structs.replace(scan_row(scan_id, {}), scan_id=scan_id)
    question = structs.replace(question, feeds=tuple(feed.sentence for feed in feeds))
    async with views_of(store, [scan_id]) as views:
        await add_verdicts(views, scan, feeds, CVE)
        await add_patches(views, scan_id, question.cve_id, await names_of(store, []), with_feeds=True)
        sql = with_feeds(sql)
        rows = (await views.fetch(sql, parameters(sql, question, scan))).to_pylist()
        return rows, await cve_coverage(views, scan, question)


def brief(counts):
    return counts.lacking, counts.pending_reboot, counts.has_fix, counts.not_affected, counts.unknown


LACKS, PENDING, HAS = (1, 0, 0, 0, {}), (0, 1, 0, 0, {}), (0, 0, 1, 0, {})
NOT_AFFECTED, UNNAMED = (0, 0, 0, 1, {}), (0, 0, 0, 0, {"unnamed_cves": 1})
#: October's update fixes the CVE, November's supersedes it.
MONTHS = [
    msrc((CVE, [remediation("5100010")]), month="2026-Oct", released="2026-10-13T08:00:00"),
    msrc(
        ("CVE-2026-1111", [remediation("5100011", "5100010")]),
        ("CVE-2026-2222", [remediation("5100020", products=("11927",))]),
        ("CVE-2026-3333", [remediation("5100030", "see the notes")]),
        ("CVE-2026-4444", [remediation("5100040", "5099999")]),
    ),
]


@pytest.mark.parametrize(
    ("patches", "expected"),
    [
        ([("KB5100010", "Missing")], LACKS),
        ([("KB5100011", "Missing")], LACKS),
        ([("KB5100010", "Failed")], LACKS),
        ([("KB5100010", "Installed")], HAS),
        ([("KB5100011", "InstalledOther")], HAS),
        ([("KB5100010", "Installed"), ("KB5100011", "Missing")], HAS),
        ([("KB5100011", "InstalledPendingReboot")], PENDING),
        ([("KB5100010", "InstalledPendingReboot"), ("KB5100011", "Missing")], PENDING),
        ([("KB5100011", "Installed"), ("KB9999999", "Missing")], HAS),
        ([("KB5100020", "Missing")], NOT_AFFECTED),
        ([("KB5100030", "Missing")], UNNAMED),
        ([("KB5100040", "Missing")], UNNAMED),
        ([("KB9999999", "Missing")], UNNAMED),
    ],
    ids=[
        "the fix is missing",
        "what supersedes it is missing",
        "the fix failed",
        "the fix is installed",
        "what supersedes it is installed",
        "the fix is installed and the next update missing",
        "pending",
        "pending and the next missing",
        "installed beside an unknown update that is missing",
        "an update that fixes something else",
        "an update that supersedes something in free text",
        "an update that supersedes one that the feed does not describe",
        "an update that the feed does not describe",
    ],
)
async def test_windows_is_decided_by_msrc_with_supersedence(patches, expected, tmp_path):
    node = machine(1, *(patch(kb_id, state) for kb_id, state in patches), **WINDOWS)

    _, counts = await answers(tmp_path, [read_msrc(*MONTHS)], node)

    assert brief(counts) == expected


async def test_a_fix_of_something_else_than_windows_leaves_it_open_whether_a_machine_has_all_fixes(tmp_path):
    both = msrc((CVE, [remediation("5100010"), remediation("5100050", products=("9000",))]))

    _, counts = await answers(
        tmp_path, [read_msrc(both)], machine(1, patch("KB5100010", "Installed"), **WINDOWS), baselines=()
    )

    assert counts.unknown == {"baseline_unread": 1}


async def test_another_windows_is_not_taken_for_this_one(tmp_path):
    other = WINDOWS | {"platform_name": "Microsoft Windows Server 2022 Datacenter"}

    _, counts = await answers(
        tmp_path, [read_msrc(*MONTHS)], machine(1, patch("KB5100010", "Installed"), **other), baselines=()
    )

    assert counts.has_fix == 0


UBUNTU_RECORD = osv(
    f"UBUNTU-{CVE}", affected("Ubuntu:22.04:LTS", "openssl", FIXED, ["openssl", "libssl3"]), upstream=[CVE]
)


def deb(name, version, state):
    return structs.replace(patch(f"{name}.amd64", state, severity="optional"), title=f"{name}.amd64:{version}")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("openssl", "3.0.2-0ubuntu1.9", "Installed")], LACKS),
        ([("openssl", FIXED, "Installed"), ("libssl3", "3.0.2-0ubuntu1.9", "InstalledOther")], LACKS),
        ([("openssl", FIXED, "Installed"), ("libssl3", "3.0.2-0ubuntu1.16", "InstalledOther")], HAS),
        ([("openssl", FIXED, "Missing")], LACKS),
        ([("openssl", "3.0.2-0ubuntu1.14", "Missing")], LACKS),
        ([("openssl", "3.0.2-0ubuntu1.16", "Missing")], UNNAMED),
        ([("openssl", FIXED, "InstalledPendingReboot")], PENDING),
        ([("openssl", FIXED, "Installed"), ("vim", "9-1", "Missing")], HAS),
        ([("vim", "9-1", "Missing")], NOT_AFFECTED),
        ([("openssl", "=cmd()", "Installed"), ("vim", "9-1", "Missing")], NOT_AFFECTED),
    ],
    ids=[
        "older than the fix",
        "one of its packages is older",
        "all packages have it",
        "the fix is offered",
        "something older is offered",
        "something newer is offered, which may follow the fix",
        "pending",
        "the fix beside another update",
        "another update alone",
        "a version that is none",
    ],
)
async def test_ubuntu_is_decided_by_osv_in_the_order_of_dpkg(rows, expected, tmp_path):
    _, counts = await answers(tmp_path, [read_osv(UBUNTU_RECORD)], machine(1, *(deb(*row) for row in rows), **UBUNTU))

    assert brief(counts) == expected


@pytest.mark.parametrize(
    ("record", "facts", "installed", "expected"),
    [
        (UBUNTU_RECORD, UBUNTU | {"platform_version": "24.04"}, FIXED, {"baseline_unread": 1}),
        (UBUNTU_RECORD, DEBIAN, FIXED, {"baseline_unread": 1}),
        (
            osv(f"UBUNTU-{CVE}", affected("Ubuntu:22.04:LTS", "openssl", None, ["openssl"])),
            UBUNTU,
            FIXED,
            {"baseline_unread": 1},
        ),
        (
            osv(f"UBUNTU-{CVE}", affected("Ubuntu:22.04:LTS", "linux-aws", FIXED, ["openssl"])),
            UBUNTU,
            FIXED,
            {"baseline_unread": 1},
        ),
        (
            osv("USN-1-1", affected("Ubuntu:22.04:LTS", "openssl", FIXED, ["openssl"]), upstream=[CVE]),
            UBUNTU,
            FIXED,
            {"baseline_unread": 1},
        ),
    ],
    ids=[
        "another release",
        "another distribution",
        "no fixed version",
        "a kernel",
        "an advisory, which may not be whole",
    ],
)
async def test_what_the_records_leave_open_stays_unknown(record, facts, installed, expected, tmp_path):
    node = machine(1, deb("openssl", installed, "Installed"), **facts)

    _, counts = await answers(tmp_path, [read_osv(record)], node, baselines=())

    assert (counts.has_fix, counts.unknown) == (0, expected)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("openssl", "3.0.11-1~deb12u1", "Installed")], LACKS),
        ([("openssl", "3.0.11-1~deb12u2", "Installed")], HAS),
        ([("openssl", "3.0.11-1~deb12u2", "Installed"), ("libssl3", "3.0.13-1", "Missing")], UNNAMED),
    ],
    ids=["older", "fixed", "a package that may be of the same source is missing"],
)
async def test_debian_names_source_packages_so_that_other_missing_packages_leave_it_open(rows, expected, tmp_path):
    record = osv(f"DEBIAN-{CVE}", affected("Debian:12", "openssl", "3.0.11-1~deb12u2"))

    _, counts = await answers(tmp_path, [read_osv(record)], machine(1, *(deb(*row) for row in rows), **DEBIAN))

    assert brief(counts) == expected


async def test_stale_data_is_no_evidence_for_the_fix(tmp_path):
    node = machine(1, deb("openssl", FIXED, "Installed"), ended=STARTED_MS - 9 * DAY_MS, **UBUNTU)

    _, counts = await answers(tmp_path, [read_osv(UBUNTU_RECORD)], node)

    assert counts.has_fix == 0
    assert sum(counts.unknown.values()) == 1


async def test_what_aws_says_stands_against_a_feed(tmp_path):
    node = machine(1, deb("openssl", FIXED, "Installed"), patch("KB1", "Missing", CVE), **UBUNTU)

    _, counts = await answers(tmp_path, [read_osv(UBUNTU_RECORD)], node)

    assert (brief(counts), counts.by_feed) == (LACKS, 0)


async def test_an_answer_by_feed_says_so_with_the_date_of_the_feed(tmp_path):
    nodes = [
        machine(1, deb("openssl", "3.0.2-0ubuntu1.9", "Installed"), **UBUNTU),
        machine(2, deb("openssl", FIXED, "Installed"), **UBUNTU),
    ]

    rows, counts = await answers(tmp_path, [read_osv(UBUNTU_RECORD)], *nodes, sql=LACKING_AND_UNKNOWN)

    assert [(row["instance_id"], row["state"], row["reason"]) for row in rows] == [
        ("i-0001", "INSTALLED", "by feed, not by AWS")
    ]
    said = list(sentences(counts, CVE, "the-scan"))
    assert "1 machine in 1 account lacks the fix; 0 installed, pending reboot; 1 has it" in said[1]
    assert said[2] == "2 machines by feed, not by AWS: OSV of 2026-11-20 (1 record)"


async def test_a_cve_that_no_feed_has_is_answered_as_without_feeds(tmp_path):
    other = osv("UBUNTU-CVE-2026-9999", affected("Ubuntu:22.04:LTS", "openssl", FIXED, ["openssl"]))

    _, counts = await answers(
        tmp_path, [read_osv(other), read_msrc(MONTHS[1])], machine(1, deb("openssl", "1-1", "Missing"), **UBUNTU)
    )

    assert (brief(counts), counts.by_feed) == (UNNAMED, 0)


def test_the_day_of_publication_comes_from_the_last_fix_that_a_feed_names():
    feeds = [read_msrc(*MONTHS), read_osv(UBUNTU_RECORD)]

    assert published_by_feed(feeds, CVE) == date(2026, 11, 1)
    assert published_by_feed(feeds, "CVE-2026-9999") is None


@pytest.mark.parametrize(
    ("versions", "latest"),
    [
        (["1.0-1", "1.0-10", "1.0-9"], "1.0-10"),
        ([None, "1.0-1"], "1.0-1"),
        ([None], None),
        (["1.0-1", "=cmd()"], None),
    ],
    ids=str,
)
def test_of_several_fixed_versions_the_latest_counts(versions, latest):
    assert latest_version(versions) == latest


async def test_a_baseline_with_a_delay_is_answered_with_the_day_of_the_feed(tmp_path):
    week = Baseline("pb-1", rules=(ApprovalRule(approve_after_days=7),))
    question = structs.replace(QUESTION, published=published_by_feed([read_msrc(*MONTHS)], CVE))

    _, counts = await answers(
        tmp_path, [read_msrc(*MONTHS)], machine(1, **WINDOWS), baselines=(week,), question=question
    )

    assert counts.unknown == {"not_approved_yet": 1}


KBS = st.sampled_from([f"KB{number}" for number in range(8)])


@given(
    edges=st.sets(st.tuples(KBS, st.one_of(KBS, st.none())), max_size=20),
    fixes=st.sets(KBS, max_size=3),
    described=st.sets(KBS),
)
def test_a_kb_carries_exactly_the_fixes_that_a_chain_of_supersedence_leads_to(edges, fixes, described):
    found = carriers(fixes, described, edges)

    for kb_id in described | fixes:
        reached = {kb_id}
        for _ in range(8):
            reached |= {to for start, to in edges if start in reached}
        assert found.roots.get(kb_id, frozenset()) == reached & fixes
        assert (kb_id in found.uncertain) == (not reached & fixes and not reached <= described | set())
