"""A check as a JUnit file, which every pipeline shows as tests: one test for each rule and each finding.

Source of the form: the schema of Jenkins' xUnit plug-in, `junit-10.xsd`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from scanner.core.safe_text import terminal_text
from scanner.reports.check.finding import Finding, Outcome
from scanner.reports.check.formats.words import RULE_TITLES, moment, notes, patch_of
from scanner.reports.check.policy import Rule
from scanner.reports.check.result import CheckResult, RuleResult, Verdict, WaivedFinding

#: What XML 1.0 has no way to write, beside the controls that `terminal_text` writes as escapes.
_NOT_XML = re.compile("[\ufffe\uffff]")
_OF_MACHINES = frozenset({Rule.MAX_UNREAD, Rule.MAX_UNMANAGED})


def junit_document(result: CheckResult) -> str:
    """Returns the file: violations are failures, what cannot be told is an error, what is waived is skipped."""
    tests = [*map(_rule_test, result.rules), *_finding_tests(result), *map(_waived_test, result.waived)]
    counts = {
        "tests": str(len(tests)),
        "failures": str(sum(test.find("failure") is not None for test in tests)),
        "errors": str(sum(test.find("error") is not None for test in tests)),
        "skipped": str(sum(test.find("skipped") is not None for test in tests)),
        "time": "0",
    }
    suites = ET.Element("testsuites", {"name": "patchsweep check", **{k: counts[k] for k in counts if k != "skipped"}})
    suite = ET.SubElement(
        suites, "testsuite", {"name": "patchsweep check", **counts, "timestamp": moment(result.checked_at).rstrip("Z")}
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (("scan_id", result.scan_id), ("verdict", result.verdict), ("machines", result.machines)):
        ET.SubElement(properties, "property", {"name": name, "value": _text(value)})
    suite.extend(tests)
    ET.SubElement(suite, "system-out").text = _text(" ".join(notes(result)))
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _rule_test(rule: RuleResult) -> ET.Element:
    test = _test("rule", f"{RULE_TITLES[rule.rule]}")
    if rule.verdict is not Verdict.MET:
        _result(test, "failure" if rule.verdict is Verdict.VIOLATED else "error", rule.rule, rule.sentence)
    return test


def _finding_tests(result: CheckResult) -> Iterator[ET.Element]:
    # Machines without evidence are no errors of their own where the policy allows so many.
    allowed = {each.rule for each in result.rules if each.rule in _OF_MACHINES and each.verdict is Verdict.MET}
    for finding in result.findings:
        if finding.rule not in allowed:
            test = _test(finding.rule, _name(finding))
            is_violated = finding.outcome is Outcome.VIOLATED
            _result(test, "failure" if is_violated else "error", finding.outcome, finding.why)
            yield test


def _waived_test(waived: WaivedFinding) -> ET.Element:
    test = _test(waived.finding.rule, _name(waived.finding))
    waiver = waived.waiver
    words = f"waived until {waiver.expires.isoformat()} by {waiver.approver}: {waiver.reason}"
    _result(test, "skipped", "waived", words)
    return test


def _name(finding: Finding) -> str:
    return f"{finding.machine} {patch_of(finding)}".strip()


def _test(group: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": f"patchsweep.{group}", "name": _text(name), "time": "0"})


def _result(test: ET.Element, tag: str, kind: str, words: str) -> None:
    ET.SubElement(test, tag, {"type": kind, "message": _text(words)}).text = _text(words)


def _text(text: str) -> str:
    return _NOT_XML.sub("?", terminal_text(text))
