"""Every form of a check fits its schema, and text from outside does nothing in any of them."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.reports.check.finding import Finding, Outcome
from scanner.reports.check.formats.write import written
from scanner.reports.check.policy import AgeLimit, Policy, Rule
from scanner.reports.check.result import CheckResult, GroupCounts, RuleResult, Verdict, WaivedFinding
from scanner.reports.check.waivers import Waiver
from tests.reports.check.samples import NOW_MS

pytestmark = pytest.mark.slow

SCHEMAS = Path(__file__).parent / "schemas"
FORMS = ["table", "json", "jsonl", "markdown", "junit", "sarif"]
HOSTILE = "=cmd()|<script>alert(1)</script>\x1b[2J\u202e\u200b @all [x](javascript:1) ]]> &amp; \x00\uffff\r\n##"


@cache
def junit_schema():
    # Half a second of CPU, which runs without slow tests need not pay.
    return import_module("xmlschema").XMLSchema(str(SCHEMAS / "junit-10.xsd"))


@cache
def sarif_schema():
    return jsonschema.Draft4Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text()))


def finding(outcome=Outcome.VIOLATED, rule=Rule.MAX_AGE, **facts):
    return Finding(
        **{
            "rule": rule,
            "outcome": outcome,
            "why": "lacking for 50 days, 14 days allowed",
            "account_id": "111122223333",
            "region": "eu-west-1",
            "instance_id": "i-1",
            "kb_id": "openssl.x86_64",
            "title": "openssl.x86_64:1.0",
            "severity": "Critical",
            "state": "MISSING",
            "cve_ids": ("CVE-2026-12345",),
            "missing_since": NOW_MS - 86_400_000,
            **facts,
        }
    )


def waiver(**facts):
    return Waiver(
        **{"number": 1, "reason": "r", "approver": "a", "expires": date(2026, 12, 31), "node": "i-1", **facts}
    )


def result(text="web", verdict=Verdict.VIOLATED):
    return CheckResult(
        scan_id="20261125T110000Z-abcdef",
        scan_finished_at=NOW_MS - 3_600_000,
        checked_at=NOW_MS,
        policy=Policy((AgeLimit("Critical", 14 * 86_400_000),), kev_due=True),
        rules=(
            RuleResult(Rule.MAX_AGE, verdict, "1 lacking for longer than Critical=14d", 1, 0, 1),
            RuleResult(Rule.MAX_UNREAD, Verdict.UNKNOWN, "1 machine without evidence, no limit is set", 0, 1),
            RuleResult(Rule.MAX_UNMANAGED, Verdict.MET, "0 machines unmanaged, 0 allowed"),
        ),
        findings=(
            finding(title=text, kb_id=text, group=text, computer_name=text),
            finding(Outcome.UNKNOWN, Rule.MAX_UNREAD, kb_id=None, title=None, severity=None, why=f"denied: {text}"),
        ),
        waived=(WaivedFinding(finding(title=text), waiver(reason=text, approver=text)),),
        expired_waivers=(waiver(number=2, expires=date(2026, 1, 1), reason=text),),
        waivers_without_match=(waiver(number=3, node=text),),
        groups=(GroupCounts(text, 1), GroupCounts(None, 0, 1)),
        feeds=("KEV of 2026-11-24 (1 record)",),
        machines="3 machines: 2 verified, 1 not read.",
    )


def test_junit_fits_the_schema_and_tells_failures_from_errors_and_skipped():
    text = written(result(), "junit")

    junit_schema().validate(text)
    [suite] = ET.fromstring(text)
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("2", "2", "1")
    assert len(suite.findall("testcase")) == int(suite.get("tests")) == 6


def test_sarif_fits_the_schema_and_keeps_what_is_open_and_waived_apart():
    log = json.loads(written(result(), "sarif"))

    sarif_schema().validate(log)
    [run] = log["runs"]
    assert [(each["kind"], "suppressions" in each) for each in run["results"]] == [
        ("fail", False),
        ("open", False),
        ("fail", True),
    ]
    assert run["invocations"][0]["exitCode"] == 4


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_fits_the_schemas(verdict):
    junit_schema().validate(written(result(verdict=verdict), "junit"))
    sarif_schema().validate(json.loads(written(result(verdict=verdict), "sarif")))


def test_json_has_a_version_and_every_finding():
    document = json.loads(written(result(), "json"))

    assert (document["schema_version"], document["verdict"]) == (1, "violated")
    assert [each["key"] for each in document["findings"]] == [each.key for each in result().findings]
    assert document["waived"][0]["waiver"]["approver"] == "web"
    assert "first seen lacking" in document["clock"]


def test_json_lines_end_with_the_result():
    lines = [json.loads(line) for line in written(result(), "jsonl").splitlines()]

    assert [line["kind"] for line in lines] == ["finding", "finding", "waived", "result"]


def test_a_key_stays_the_same_while_the_age_grows():
    assert finding().key == finding(why="lacking for 51 days", missing_since=None, severity=None).key
    assert finding().key != finding(instance_id="i-2").key


def test_the_table_has_the_verdict_the_rules_and_the_waivers_that_count_as_none():
    text = written(result(), "table")

    assert text.startswith("The policy is violated (scan 20261125T110000Z-abcdef).\n")
    for words in ("lacking for 50 days", "Expired on 2026-01-01", "Matches nothing", "By feed: KEV of 2026-11-24"):
        assert words in text


@pytest.mark.parametrize("form", FORMS)
def test_hostile_text_does_nothing(form):
    text = written(result(HOSTILE), form)

    assert not {"\x1b", "\x00", "\u202e", "\u200b", "\r"} & {*text}
    text.encode()
    if form == "markdown":
        assert "<script" not in text
        assert "@all" not in text
        assert "](" not in text


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=25)
@given(text=st.text(min_size=1, max_size=40))
def test_any_text_fits_every_form(form, text):
    document = written(result(text), form)

    if form == "junit":
        junit_schema().validate(document)
    elif form == "sarif":
        sarif_schema().validate(json.loads(document))
    elif form == "markdown":
        rows = [line for line in document.splitlines() if line.startswith("|")]
        assert {line.count("|") for line in rows} <= {4, 5, 6}
