"""A report as a page: nothing in it is obeyed, nothing is fetched, and what is not known never looks like nothing."""

from __future__ import annotations

import re

import msgspec
import pytest
from msgspec import structs

from scanner.core.model import NodeStatus, ScanStatus, Scope, TargetStatus
from scanner.core.settings import PatchSettings
from scanner.reports.html.findings import FEW, LONG_LIST, SHORT_LIST, Findings, Report, Wanted
from scanner.reports.html.page import page
from scanner.reports.html.trend import Trend, TrendPoint
from scanner.reports.time_to_patch import TimeToPatch
from tests.reports.html.page_reader import Page
from tests.reports.html.reports import NOTHING, complete, full, scan

STORE = "./patchsweep-data"
HOSTILE = "</td></style></title><script>x()</script><img src=x onerror=x()>'\" {{ 7*7 }} {% raw %} &amp; "
CLOSED = {"status"}  # Members that have one of a few words of our own


def read(report, store=STORE) -> Page:
    return Page(page(report, store))


def hostile(value, name=""):
    """The same with every text replaced by a hostile one that ends with the name of its member."""
    match value:
        case str() if name not in CLOSED:
            return f"{HOSTILE}{name}."
        case list() | tuple():
            return [hostile(item, name) for item in value]
        case dict():
            return {key: hostile(item, key) for key, item in value.items()}
        case _:
            return value


def hostile_report():
    """A report in which every text that is not our own is hostile."""
    found = msgspec.convert(hostile(msgspec.to_builtins(full().findings)), Findings)
    names = ("accounts", "regions", "excluded_accounts", "excluded_regions", "tag", "value", "version", "severities")
    texts = {name: hostile("", name) for name in (*names, "classifications", "kb_ids")}
    left_out = (texts["excluded_accounts"],), (texts["excluded_regions"],)
    scope = Scope(texts["accounts"], texts["regions"], *left_out, {texts["tag"]: (texts["value"],)})
    patches = PatchSettings(**{name: (texts[name],) for name in ("severities", "classifications", "kb_ids")})
    return Report(scan(scope=scope, version=texts["version"]), patches, found), texts.values()


def texts_in(value):
    """Every text, however deep."""
    match value:
        case str():
            yield value
        case list() | tuple() | dict():
            for item in value.values() if isinstance(value, dict) else value:
                yield from texts_in(item)


def test_whatever_a_text_holds_comes_out_as_text():
    report, asked = hostile_report()
    texts = {text for text in texts_in(msgspec.to_builtins(report.findings)) if HOSTILE in text} | {*asked}

    shown = read(report, HOSTILE)

    assert {tag for tag, _ in shown.elements} == {tag for tag, _ in read(full()).elements} | {"strong"}
    assert not [name for _, attributes in shown.elements for name in attributes if name.startswith("on")]
    assert len(texts) > 20
    assert {text for text in texts if " ".join(text.split()) not in shown.text} == set()


def test_every_member_that_is_shown_is_shown_as_it_is():
    shown = read(full()).text

    for text in ("web-1", "i-0a", "payments 111122223333", "eu-west-1", "Amazon Linux 2023", "ConnectionLost"):
        assert text in shown
    for text in ("KB1", "an update and 1 more", "CVE-1", "Critical", "1,234", "last operation 22 Nov 2026, NoReboot"):
        assert text in shown
    assert "MISSING has 5 rows where AWS counts 6" in shown
    assert "the role reader cannot be assumed" in shown


def test_characters_that_do_not_show_are_written_as_escapes():
    report = full()
    (node,) = report.findings.nodes
    sly = structs.replace(node, computer_name="a\u202eb\x1b[2J\x00")
    html = page(structs.replace(report, findings=structs.replace(report.findings, nodes=(sly,))), STORE)

    assert "a\\u202eb\\x1b[2J\\x00" in html
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", html)


@pytest.mark.parametrize("report", [full(), complete(), hostile_report()[0]], ids=["full", "empty", "hostile"])
def test_nothing_is_fetched_and_nothing_runs(report):
    html = page(report, STORE)
    shown = Page(html)

    assert not {"script", "link", "img", "iframe", "form", "object", "base"} & {tag for tag, _ in shown.elements}
    assert shown.values("src") == shown.values("srcset") == shown.values("action") == []
    assert {href[0] for href in shown.values("href")} == {"#"}
    assert "http:" not in html
    assert "https:" not in html
    assert "url(" not in html
    assert "@import" not in html
    (policy,) = [each["content"] for _, each in shown.elements if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@pytest.mark.parametrize("report", [full(), complete()], ids=["full", "empty"])
def test_a_page_is_built_for_readers_that_do_not_see_it(report):
    shown = read(report)
    tags = [tag for tag, _ in shown.elements]

    ids = shown.values("id")
    assert len(set(ids)) == len(ids)
    assert {href[1:] for href in shown.values("href")} == set(ids) == set(shown.values("aria-labelledby"))
    assert tags.count("caption") == tags.count("table") == tags.count("thead")
    assert all("scope" in attributes for tag, attributes in shown.elements if tag == "th")
    assert (tags.count("h1"), tags.count("main"), tags.count("html")) == (1, 1, 1)
    assert dict(shown.elements)["html"] == {"lang": "en"}


def test_what_to_do_stands_before_the_list_of_sections_and_no_text_of_ours_has_an_escape():
    html = page(full(), STORE)

    assert html.index('id="first"') < html.index("<nav") < html.index('id="places"')
    assert "\\n" not in read(full()).text


def test_large_counts_of_failed_patches_are_written_as_those_of_missing_ones_are():
    report = full()
    totals = structs.replace(report.findings.totals, failed=10_700)
    shown = read(structs.replace(report, findings=structs.replace(report.findings, totals=totals))).text

    assert "missing patches, on 2 nodes; 10,700 failed, on 1 node 1,234" in shown


def test_the_first_thing_said_is_how_many_machines_are_compliant_and_then_what_to_do():
    text = read(full()).text

    head, rest = text.split("1. What to do first", 2)[0], text.split("1. What to do first", 2)[1]
    assert (
        "0 of 3 machines (0 %) are compliant: 1 lacks Critical patches, 1 lacks other patches and 1 is unknown; "
        "1 target was not read, and may have more." in head
    )
    assert "Scan 20261123T210611Z-a1b2c3 is partial: 1 of 3 targets and 1 of 3 nodes not read or not verified." in head
    assert "AWS counts 50 % of the 2 nodes that report as compliant 0 %" in head
    assert "machine lacks Critical patches, 9 in all not in effect for more than 14 days: 4, and perhaps 2 of" in head
    assert "missing patches, on 2 nodes; 1 failed, on 1 node 1,234" in head
    assert "unknown: unmanaged, stale, stopped or not read 1" in head
    steps = [
        "1 machine Overdue: install 4 Critical patches not in effect for more than 14 days",
        "1 machine Install 9 Critical patches",
        "1 machine Restart them: their patches take effect only then, the first since 22 Nov 2026",
        "1 machine Find out why 1 patch failed to install",
        "1 machine Find out what they lack: 1 stale",
        "1 target Open accounts and Regions that could not be read",
    ]
    assert [step for step in steps if step not in rest] == []
    assert [rest.index(step) for step in steps] == sorted(rest.index(step) for step in steps)


@pytest.mark.parametrize(("compliant", "said"), [(3, "3 of 3 machines (100 %) are compliant."), (2, "(66 %)")])
def test_a_percentage_is_rounded_down(compliant, said):
    totals = structs.replace(NOTHING.totals, machines=3, compliant=compliant, unknown=3 - compliant)

    text = read(complete(structs.replace(NOTHING, totals=totals))).text

    assert said in text
    assert ("Nothing: every machine was verified lately, and AWS counts each as compliant." in text) == (compliant == 3)


def test_the_same_reason_is_one_entry_with_a_count():
    (group,) = full().findings.target_gaps
    many = structs.replace(group, gaps=39, accounts=38, first=group.first * FEW)
    totals = structs.replace(full().findings.totals, target_gaps=39)

    text = read(
        Report(scan(), PatchSettings(), structs.replace(full().findings, target_gaps=(many,), totals=totals))
    ).text

    assert (
        "39 targets in 38 accounts: payments eu-west-1, payments eu-west-1, payments eu-west-1 and 36 more denied "
        "The first: the role reader" in text
    )


def test_every_status_is_explained():
    nodes, targets = dict.fromkeys(NodeStatus, 2), dict.fromkeys(TargetStatus, 2)

    shown = read(Report(scan(nodes=nodes, targets=targets), PatchSettings(), NOTHING)).text

    for status in (*NodeStatus, *TargetStatus):
        assert re.search(rf"{status.replace('_', ' ')} 2 [a-zA-Z]", shown)


def test_a_scan_that_failed_tells_of_no_patches_at_all():
    failed = scan(ScanStatus.FAILED, nodes={}, targets={"denied": 1})
    gaps = structs.replace(NOTHING, target_gaps=full().findings.target_gaps)

    shown = read(Report(failed, PatchSettings(), gaps))

    assert "failed: nothing could be read." in shown.text
    assert "does not mean that none is missing" in shown.text
    assert "the role reader cannot be assumed" in shown.text
    assert set(shown.values("id")) == {"coverage", "gaps"}


def test_a_complete_scan_of_nodes_that_lack_nothing_says_so():
    text = read(complete()).text

    assert "is complete: everything in scope was read, 3 machines in all." in text
    assert "No gaps: every usable target" in text
    assert "10. What was not read or not verified" in text
    assert "No machine was found." in text
    assert "every machine was verified lately" not in text
    assert text.count("None") == 5


def test_filters_are_told_before_any_number():
    filters = PatchSettings(states=("MISSING",), severities=("Critical",))
    row = scan(states=("MISSING",), scope=Scope("current", "current", node_filters={"tag:Env": ("prod", "test")}))

    text = read(Report(row, filters, full().findings)).text

    told = text.index("Only patches in the states MISSING were asked for.")
    assert told < text.index("Only patches of the severities Critical") < text.index("compliant: verified")
    assert "Only nodes whose tag:Env is prod or test were asked for." in text


def test_what_was_not_asked_for_is_left_out_and_never_shown_as_none():
    # The counts of machines that an association scans are AWS's own, whatever states were asked for.
    listed = structs.replace(full().findings, machines=NOTHING.machines)
    missing = read(Report(scan(states=("MISSING",)), PatchSettings(), listed))
    installed = read(Report(scan(states=("INSTALLED",)), PatchSettings(), NOTHING))

    assert "Failed" not in missing.text
    assert "Missing patches by severity" in missing.text
    assert not {"severities", "patches", "nodes", "cves"} & set(installed.values("id"))
    assert "missing patches" not in installed.text


def test_an_account_that_was_not_read_has_dashes_for_numbers():
    report = full()
    (account,) = report.findings.accounts
    nobody = structs.replace(account, nodes=0, lacking=0, missing=0, failed=0, unknown=0, pending_reboot=0)

    text = read(structs.replace(report, findings=structs.replace(report.findings, accounts=(nobody,)))).text

    assert "payments 111122223333 1 target not read \N{EN DASH} \N{EN DASH}" in text


def test_a_list_that_is_cut_says_of_how_many_and_how_to_see_all():
    report = full()
    totals = structs.replace(report.findings.totals, node_gaps=1_500, target_gaps=7, patches=68, pending_reboot=3)

    text = read(
        structs.replace(report, findings=structs.replace(report.findings, totals=totals)), "s3://b/my store"
    ).text

    command = "patchsweep query --store 's3://b/my store' --scan 20261123T210611Z-a1b2c3"
    assert f'These are 1 of 1,500 nodes; all of them: {command} "FROM nodes WHERE status IN (' in text
    assert f"These are 1 of 7 targets; all of them: {command} \"FROM targets WHERE status <> 'scanned'\"" in text
    assert f'1 of 3 nodes; all of them: {command} "FROM nodes WHERE installed_pending_reboot_count > 0"' in text
    assert "These are the first 1 of 68." in text


def test_many_cves_of_one_patch_are_cut():
    report = full()
    (patch,) = report.findings.patches
    long = structs.replace(patch, cve_ids=tuple(f"CVE-2026-{n}" for n in range(100)))

    text = read(structs.replace(report, findings=structs.replace(report.findings, patches=(long,)))).text

    assert "CVE-2026-5 and 94 more" in text


def test_the_same_report_is_the_same_page():
    assert page(full(), STORE) == page(full(), STORE)


def test_the_largest_report_is_under_500_kb():
    found = full().findings
    long = {"reason": "why " * 100}
    machines = {
        name: [structs.replace(*getattr(found.machines, name), **long)] * SHORT_LIST
        for name in ("unmanaged", "stopped", "summary_only", "not_asked")
    }
    lists = {
        **{name: [*getattr(found, name)] * SHORT_LIST for name in ("patches", "nodes", "cves", "severities")},
        **{name: [*getattr(found, name)] * LONG_LIST for name in ("accounts", "regions", "reboots")},
        **{
            name: [structs.replace(group, gaps=5, first=[structs.replace(*group.first, **long)] * FEW)] * SHORT_LIST
            for name in ("target_gaps", "disabled_targets", "node_gaps")
            for group in getattr(found, name)
        },
        "machines": structs.replace(found.machines, **machines, reasons=found.machines.reasons[:1] * SHORT_LIST),
        "baselines": structs.replace(
            found.baselines, used=[*found.baselines.used] * SHORT_LIST, drifted=found.baselines.drifted[:1] * SHORT_LIST
        ),
        "groups": structs.replace(found.groups, rows=found.groups.rows[:1] * LONG_LIST),
        "systems": structs.replace(found.systems, rows=found.systems.rows * LONG_LIST),
    }

    points = [TrendPoint("20261123T210611Z-a1b2c3", night, 5_000, 4_000, 3_000) for night in range(91)]
    trend = Trend(points, 1, [TimeToPatch("Unspecified", 10**6, 100.5, 10**6)] * SHORT_LIST)

    report = structs.replace(full(), findings=structs.replace(found, **lists), wanted=Wanted(trend=trend))
    html = page(report, STORE)

    assert "Time to patch" in html
    assert len(html.encode()) > 300_000
    assert len(html.encode()) < 500_000
