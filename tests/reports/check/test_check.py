"""A policy is met only on evidence; what violates it is named, and so is what leaves it open."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.core.errors import ConfigError
from scanner.core.settings import CheckSettings
from scanner.reports.check.policy import Rule, age_limits, policy_of
from scanner.reports.check.result import Verdict
from scanner.reports.check.tally import Tally
from scanner.reports.check.waiver_index import WaiverIndex
from scanner.reports.check.waivers import Waiver
from scanner.reports.feeds.kev import read_kev
from scanner.reports.feeds.msrc import MsrcReader
from scanner.reports.grouping import parse_grouping
from tests.reports.check.samples import CVE, checked, machine, patch, policy, tag, target
from tests.reports.check.test_formats import finding
from tests.reports.feeds.samples import affected, kev, msrc, osv, remediation
from tests.reports.feeds.test_feeds import read_msrc, read_osv

pytestmark = pytest.mark.slow

TWO_WEEKS = policy(("Critical", 14))


def of_rule(result, rule):
    return next(each for each in result.rules if each.rule is rule)


@pytest.mark.parametrize(
    ("since", "history", "verdict"),
    [
        (3, 100, Verdict.MET),
        (13.9, 100, Verdict.MET),
        (14.1, 100, Verdict.VIOLATED),
        (3, 3, Verdict.UNKNOWN),
        (3, None, Verdict.UNKNOWN),
        (20, 20, Verdict.VIOLATED),
        (None, 100, Verdict.UNKNOWN),
        (None, None, Verdict.UNKNOWN),
    ],
    ids=[
        "younger than the limit",
        "just younger",
        "just older",
        "as old as the history, which may be older still",
        "without a history",
        "older at least, as the history alone shows",
        "no first sight",
        "neither first sight nor history",
    ],
)
async def test_the_age_of_a_patch_decides_only_where_it_is_known(since, history, verdict):
    result = await checked(TWO_WEEKS, [machine(history=history)], [patch(since=since)])

    assert result.verdict is verdict


async def test_a_patch_that_was_missing_in_a_scan_longer_ago_than_the_limit_is_overdue_without_a_history():
    result = await checked(policy(("Critical", 2)), [machine(scanned=3, history=None)], [patch(since=None)])

    [finding] = result.findings
    assert result.verdict is Verdict.VIOLATED
    assert finding.why == "lacking for 3 days, 2 days allowed"


async def test_a_kb_cannot_be_missing_for_longer_than_it_exists():
    reader = MsrcReader()
    reader.add(msrc((CVE, [remediation("5122876")]), released="2026-11-20T08:00:00"), "2026-Nov.json")

    result = await checked(TWO_WEEKS, [machine(history=None)], [patch(kb_id="KB5122876")], feeds=[reader.feed()])

    assert result.verdict is Verdict.MET


@pytest.mark.parametrize("clock", ["patch", "package"])
async def test_the_clock_of_the_policy_counts_and_is_named(clock):
    rules = policy(("Critical", 14), clock=clock)
    newer = patch(since=2) | {"package_missing_since": patch(since=50)["missing_since"]}

    result = await checked(rules, [machine()], [newer])

    assert result.verdict is (Verdict.MET if clock == "patch" else Verdict.VIOLATED)


@pytest.mark.parametrize("state", ["MISSING", "FAILED", "INSTALLED_PENDING_REBOOT", "AVAILABLE_SECURITY_UPDATE"])
async def test_every_state_without_the_fix_in_effect_counts(state):
    assert (await checked(TWO_WEEKS, [machine()], [patch(since=50, state=state)])).verdict is Verdict.VIOLATED


async def test_installed_patches_and_severities_without_a_limit_do_not_count():
    rows = [patch(since=50, state="INSTALLED"), patch(kb_id="b", since=50, severity="Low")]

    assert (await checked(TWO_WEEKS, [machine()], rows)).verdict is Verdict.MET


@pytest.mark.parametrize(
    ("limits", "severity", "is_limited"),
    [
        (("critical=1d",), "Critical", True),
        (("Important=1d",), "Important", True),
        (("Important=1d",), "important", False),
        (("important=1d",), "Important", True),
        (("*=1d",), None, True),
        (("Unspecified=1d",), None, True),
        (("Critical=1d", "*=90d"), "Low", False),
    ],
    ids=str,
)
async def test_a_severity_is_met_in_any_case_and_debians_important_is_not_the_vendors(limits, severity, is_limited):
    rules = policy_of(CheckSettings(max_age=limits, max_unread=0, max_unmanaged=0), kev_due=False)

    result = await checked(rules, [machine()], [patch(since=50, severity=severity)])

    assert (result.verdict is Verdict.VIOLATED) == is_limited


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Critical", "SEVERITY=NUMBER"),
        ("Critical=14", "SEVERITY=NUMBER"),
        ("Critical=14m", "SEVERITY=NUMBER"),
        ("=14d", "SEVERITY=NUMBER"),
        ("Critcal=14d", "Critical"),
        ("Critical=14d,Critical=2d", "two age limits"),
        ("critical=90d,Critical=2d", "two age limits"),
        ("important=90d,IMPORTANT=2d", "two age limits"),
    ],
)
def test_a_limit_that_cannot_be_understood_or_met_is_refused(text, says):
    with pytest.raises(ConfigError, match=says):
        age_limits(text.split(","))


def test_a_check_without_a_rule_is_refused():
    with pytest.raises(ConfigError, match="--max-age"):
        policy_of(CheckSettings(), kev_due=False)


@pytest.mark.parametrize(
    "status", ["denied", "failed", "unfinished", "mismatched", "stopped", "summary_only", "no_patch_data"]
)
async def test_a_machine_without_evidence_leaves_the_answer_open(status):
    result = await checked(policy(("Critical", 14), max_unread=None), [machine(), machine("i-2", status)])

    assert result.verdict is Verdict.UNKNOWN
    assert [finding.instance_id for finding in result.findings] == ["i-2"]


async def test_stale_data_leaves_the_answer_open():
    result = await checked(policy(("Critical", 14), max_unread=None), [machine(scanned=8)])

    assert result.verdict is Verdict.UNKNOWN
    assert result.findings[0].why.startswith("stale")


@pytest.mark.parametrize("status", ["gone", "service_managed"])
async def test_a_machine_that_left_or_that_aws_patches_is_none_of_the_policy(status):
    assert (await checked(TWO_WEEKS, [machine("i-2", status)])).verdict is Verdict.MET


@pytest.mark.parametrize(("rule", "status"), [("max_unread", "denied"), ("max_unmanaged", "unmanaged")])
@pytest.mark.parametrize(
    ("allowed", "verdict"), [(None, Verdict.UNKNOWN), (1, Verdict.VIOLATED), (2, Verdict.MET)], ids=str
)
async def test_a_number_of_machines_may_be_without_evidence(rule, status, allowed, verdict):
    machines = [machine("i-1", status), machine("i-2", status)]

    result = await checked(policy(("Critical", 14), **{rule: allowed}), machines)

    assert result.verdict is verdict


async def test_a_target_that_was_not_read_leaves_the_answer_open_however_many_machines_may_be_unread():
    result = await checked(policy(max_unread=1000), [machine()], targets=[target(), target("denied")])

    assert result.verdict is Verdict.UNKNOWN
    assert "1 target not read" in of_rule(result, Rule.MAX_UNREAD).sentence


async def test_a_scan_without_any_machine_is_no_evidence_that_a_policy_is_met():
    result = await checked(policy(("*", 1), max_unread=5, max_unmanaged=5), [], targets=[target()])

    assert result.verdict is Verdict.UNKNOWN
    assert "the scan has no machine at all" in of_rule(result, Rule.MAX_UNREAD).sentence


async def test_unmanaged_machines_cannot_be_counted_where_ec2_was_not_asked():
    refused = target(not_asked="ec2:DescribeInstances in account 111122223333 failed: UnauthorizedOperation")

    assert (await checked(policy(max_unmanaged=5), [machine()], targets=[refused])).verdict is Verdict.UNKNOWN


async def test_a_violation_stands_beside_what_cannot_be_told():
    result = await checked(
        policy(("Critical", 14), max_unread=None), [machine(), machine("i-2", "denied")], [patch(since=50)]
    )

    assert result.verdict is Verdict.VIOLATED
    assert [finding.outcome for finding in result.findings] == ["violated", "unknown"]


KEV_DUE = policy(kev_due=True)


def catalogue(due):
    return read_kev(kev((CVE, due)), "kev.json")


@pytest.mark.parametrize(
    ("due", "verdict"), [("2026-11-24", Verdict.VIOLATED), ("2026-11-25", Verdict.MET), ("2026-12-24", Verdict.MET)]
)
async def test_a_known_exploited_vulnerability_is_overdue_after_its_due_date(due, verdict):
    result = await checked(KEV_DUE, [machine()], [patch(cves=[CVE, "CVE-2026-1111"])], feeds=[catalogue(due)])

    assert result.verdict is verdict
    assert [(finding.due, finding.cve_ids) for finding in result.findings] == (
        [(date(2026, 11, 24), (CVE,))] if verdict is Verdict.VIOLATED else []
    )
    assert result.feeds == ("KEV of 2026-11-24 (1 record)",)


async def test_a_catalogue_with_entries_that_cannot_be_read_is_no_evidence_that_nothing_is_overdue():
    feed = read_kev(kev((CVE, "2026-12-24"), ("CVE-2026-2222", "soon")), "kev.json")

    result = await checked(KEV_DUE, [machine()], [patch(cves=[CVE])], feeds=[feed])

    assert result.verdict is Verdict.UNKNOWN
    assert "1 record of the catalogue cannot be read" in result.rules[0].sentence
    assert result.feeds == ("KEV of 2026-11-24 (1 record, 1 skipped)",)


async def test_a_security_patch_without_cves_may_fix_a_known_exploited_vulnerability():
    rows = [patch(), patch("i-2", classification="Bugfix")]

    result = await checked(KEV_DUE, [machine(), machine("i-2")], rows, feeds=[catalogue("2026-11-24")])

    assert result.verdict is Verdict.UNKNOWN
    assert [finding.instance_id for finding in result.findings] == ["i-1"]


async def test_a_patch_takes_the_cves_that_aws_names_for_it_on_another_machine():
    rows = [patch(state="INSTALLED_PENDING_REBOOT"), patch("i-2", cves=[CVE])]

    result = await checked(KEV_DUE, [machine(), machine("i-2")], rows, feeds=[catalogue("2026-11-24")])

    assert sorted(finding.instance_id for finding in result.findings) == ["i-1", "i-2"]


OVERDUE = catalogue("2026-11-24")
#: October's update fixes the CVE; November's supersedes it, and October's supersedes one that no document describes.
MONTHS = [
    msrc((CVE, [remediation("5100010", "5100009")]), month="2026-Oct"),
    msrc(("CVE-2026-1111", [remediation("5100011", "5100010")]), ("CVE-2026-2222", [remediation("5100020")])),
]


@pytest.mark.parametrize(
    ("patches", "verdict"),
    [
        ([("KB5100010", "MISSING")], Verdict.VIOLATED),
        ([("KB5100011", "MISSING")], Verdict.VIOLATED),
        ([("KB5100011", "MISSING"), ("KB5100010", "INSTALLED")], Verdict.MET),
        ([("KB5100011", "INSTALLED")], Verdict.MET),
        ([("KB5100020", "MISSING")], Verdict.MET),
        ([("KB9999999", "MISSING")], Verdict.UNKNOWN),
    ],
    ids=[
        "the fix",
        "what supersedes it",
        "only what came after the fix",
        "nothing",
        "an update that fixes something else",
        "an update that no document describes",
    ],
)
async def test_msrc_names_what_a_windows_update_that_is_missing_would_bring(patches, verdict):
    rows = [patch(kb_id=kb_id, state=state) for kb_id, state in patches]

    result = await checked(KEV_DUE, [machine()], rows, feeds=[OVERDUE, read_msrc(*MONTHS)])

    assert result.verdict is verdict
    assert all(each.why.endswith("(by feed, not by AWS)") for each in result.findings if each.due)


@pytest.mark.parametrize(
    ("version", "state", "verdict"),
    [
        ("3.0.2-0ubuntu1.9", "INSTALLED", Verdict.VIOLATED),
        ("3.0.2-0ubuntu1.15", "INSTALLED", Verdict.MET),
        ("3.0.2-0ubuntu1.15", "MISSING", Verdict.VIOLATED),
        ("3.0.2-0ubuntu1.16", "MISSING", Verdict.UNKNOWN),
    ],
)
async def test_osv_names_what_a_package_of_ubuntu_lacks(version, state, verdict):
    record = osv(f"UBUNTU-{CVE}", affected("Ubuntu:22.04:LTS", "openssl", "3.0.2-0ubuntu1.15", ["openssl"]))
    row = patch(kb_id="openssl.amd64", state=state, title=f"openssl.amd64:{version}")
    ubuntu = machine(platform_name="Ubuntu", platform_version="22.04")

    result = await checked(KEV_DUE, [ubuntu], [row], feeds=[OVERDUE, read_osv(record)])

    assert result.verdict is verdict


def waiver(number=1, expires=date(2026, 12, 31), **conditions):
    return Waiver(number=number, reason="a reason", approver="me", expires=expires, **conditions)


@pytest.mark.parametrize(
    "conditions",
    [
        {"account": "111122223333"},
        {"ou": "ou-b-12345678"},
        {"ou": "r-b"},
        {"tag": "Team=web"},
        {"node": "i-1"},
        {"kb_id": "openssl.x86_64"},
        {"cve": CVE},
        {"account": "111122223333", "tag": "Team=web", "cve": CVE},
    ],
    ids=str,
)
async def test_a_waived_finding_is_listed_apart_and_violates_nothing(conditions):
    asked = {"tags": [tag("Team", "web")], "waivers": (waiver(**conditions),)}

    result = await checked(TWO_WEEKS, [machine()], [patch(since=50, cves=[CVE])], **asked)

    assert (result.verdict, result.findings) == (Verdict.MET, ())
    assert [each.waiver.number for each in result.waived] == [1]
    assert of_rule(result, Rule.MAX_AGE).waived == 1
    assert (result.expired_waivers, result.waivers_without_match) == ((), ())


@pytest.mark.parametrize(
    "conditions",
    [
        {"account": "999999999999"},
        {"ou": "ou-b"},
        {"tag": "Team=db"},
        {"node": "i-2"},
        {"kb_id": "openssl"},
        {"cve": "CVE-2026-1111"},
        {"node": "i-1", "tag": "Team=db"},
    ],
    ids=str,
)
async def test_a_waiver_of_something_else_covers_nothing_and_is_named(conditions):
    asked = {"tags": [tag("Team", "web")], "waivers": (waiver(**conditions),)}

    result = await checked(TWO_WEEKS, [machine()], [patch(since=50, cves=[CVE])], **asked)

    assert (result.verdict, result.waived) == (Verdict.VIOLATED, ())
    assert [each.number for each in result.waivers_without_match] == [1]


async def test_an_expired_waiver_counts_as_none_and_is_named():
    past, today = waiver(1, date(2026, 11, 24), node="i-1"), waiver(2, date(2026, 11, 25), node="i-1")

    assert (await checked(TWO_WEEKS, [machine()], [patch(since=50)], waivers=(past, today))).verdict is Verdict.MET
    result = await checked(TWO_WEEKS, [machine()], [patch(since=50)], waivers=(past,))

    assert result.verdict is Verdict.VIOLATED
    assert [each.number for each in result.expired_waivers] == [1]


async def test_a_waiver_of_one_cve_does_not_cover_a_patch_that_fixes_another_too():
    rows = [patch(since=50, cves=[CVE, "CVE-2026-1111"])]
    one, other = waiver(1, cve=CVE), waiver(2, cve="CVE-2026-1111")

    assert (await checked(TWO_WEEKS, [machine()], rows, waivers=(one,))).verdict is Verdict.VIOLATED
    assert (await checked(TWO_WEEKS, [machine()], rows, waivers=(one, other))).verdict is Verdict.MET


async def test_a_machine_without_evidence_can_be_waived():
    result = await checked(
        policy(("Critical", 14), max_unread=None), [machine(status="denied")], waivers=(waiver(node="i-1"),)
    )

    assert result.verdict is Verdict.MET


@pytest.mark.parametrize("by", ["tag:Team", "ou", "account"])
async def test_findings_are_counted_by_group(by):
    machines = [machine(), machine("i-2")]
    rows = [patch(since=50), patch("i-2", kb_id="b", since=None)]

    result = await checked(TWO_WEEKS, machines, rows, tags=[tag("Team", "web")], by=parse_grouping(by))

    expected = {
        "tag:Team": [("web", 1, 0), (None, 0, 1)],
        "ou": [("o-a/r-b/ou-b-12345678/ou-b-87654321", 1, 1)],
        "account": [("111122223333", 1, 1)],
    }
    assert [(each.value, each.violated, each.unknown) for each in result.groups] == expected[by]


async def test_more_findings_than_are_listed_are_counted(monkeypatch):
    monkeypatch.setattr("scanner.reports.check.evaluate.Tally", lambda index: Tally(index, most_listed=3))
    rows = [patch(kb_id=f"p{n}", since=50) for n in range(10)]

    result = await checked(TWO_WEEKS, [machine()], rows)

    assert (len(result.findings), result.unlisted, of_rule(result, Rule.MAX_AGE).violated) == (3, 7, 10)


DAYS = st.integers(0, 60 * 24).map(lambda hours: hours / 24)


@settings(max_examples=30)
@given(
    since=st.one_of(st.none(), DAYS),
    history=st.one_of(st.none(), DAYS),
    scanned=st.integers(0, 160).map(lambda hours: hours / 24),
    limit=st.integers(1, 50),
)
async def test_whatever_is_known_of_an_age_met_and_violated_have_their_evidence(since, history, scanned, limit):
    result = await checked(
        policy(("Critical", limit)), [machine(scanned=scanned, history=history)], [patch(since=since)]
    )

    at_least = since if since is not None else scanned
    is_exact = since is not None and history is not None and since < history
    if result.verdict is Verdict.VIOLATED:
        assert at_least >= limit
    elif result.verdict is Verdict.MET:
        assert is_exact
        assert since <= limit
    else:
        assert not is_exact
        assert at_least <= limit


CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "account": st.sampled_from(["111122223333", "999999999999"]),
        "ou": st.sampled_from(["r-b", "ou-x"]),
        "tag": st.sampled_from(["Team=web", "Team=db"]),
        "node": st.sampled_from(["i-1", "i-2"]),
        "kb_id": st.sampled_from(["a", "b"]),
    },
).filter(bool)


@given(conditions=st.lists(CONDITIONS, max_size=6), expired=st.lists(st.booleans(), min_size=6, max_size=6))
def test_the_index_finds_the_first_waiver_that_a_look_at_each_would(conditions, expired):
    today, past = date(2026, 11, 25), date(2026, 1, 1)
    waivers = [waiver(number, past if expired[number] else today, **each) for number, each in enumerate(conditions)]
    index = WaiverIndex(waivers, today)
    sample = finding(kb_id="a", tags=("Team=web",), ou_path="o-a/r-b", instance_id="i-1")
    true = {"account": "111122223333", "ou": "r-b", "tag": "Team=web", "node": "i-1", "kb_id": "a"}
    expected = [
        each.number
        for each, named in zip(waivers, conditions, strict=True)
        if each.expires >= today and all(true[name] == value for name, value in named.items())
    ]

    got = index.waiver_of(sample)

    assert (None if got is None else got.number) == (expected[0] if expected else None)
