"""A check as SARIF 2.1.0 (OASIS), which code scanning and security tools take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec

from scanner import __version__
from scanner.core.safe_text import terminal_json, terminal_text
from scanner.reports.check.finding import Finding, Outcome
from scanner.reports.check.formats.words import RULE_TITLES, moment, notes, patch_of
from scanner.reports.check.policy import Rule
from scanner.reports.check.result import CheckResult, Verdict
from scanner.reports.check.waivers import Waiver

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
#: As a process that ran `check` would end.
_EXIT_CODES = {Verdict.MET: 0, Verdict.VIOLATED: 4, Verdict.UNKNOWN: 3}


def sarif_document(result: CheckResult) -> str:
    """Returns the log: violations fail, what cannot be told is open, what is waived is suppressed."""
    run = {
        "tool": {"driver": _driver()},
        "automationDetails": {"id": f"patchsweep/check/{result.scan_id}"},
        "invocations": [_invocation(result)],
        "results": list(_results(result)),
        "properties": {"verdict": result.verdict, "machines": result.machines, "rules": result.rules},
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return terminal_json(msgspec.json.format(msgspec.json.encode(log), indent=2).decode()) + "\n"


def _driver() -> dict[str, Any]:
    rules = [
        {"id": rule.value, "name": RULE_TITLES[rule], "shortDescription": {"text": RULE_TITLES[rule]}} for rule in Rule
    ]
    return {"name": "patchsweep", "version": __version__, "rules": rules}


def _invocation(result: CheckResult) -> dict[str, Any]:
    said = [f"{each.rule}: {each.sentence}" for each in result.rules] + notes(result)
    return {
        "executionSuccessful": True,
        "exitCode": _EXIT_CODES[result.verdict],
        "endTimeUtc": moment(result.checked_at),
        "toolExecutionNotifications": [{"level": "note", "message": {"text": terminal_text(text)}} for text in said],
    }


def _results(result: CheckResult) -> Iterator[dict[str, Any]]:
    for finding in result.findings:
        yield _result(finding, None)
    for waived in result.waived:
        yield _result(waived.finding, waived.waiver)


def _result(finding: Finding, waiver: Waiver | None) -> dict[str, Any]:
    is_violated = finding.outcome is Outcome.VIOLATED
    text = ": ".join(filter(None, (finding.machine, patch_of(finding), finding.why)))
    members: dict[str, Any] = {
        "ruleId": finding.rule.value,
        "ruleIndex": list(Rule).index(finding.rule),
        # The standard has no level for what is open.
        "kind": "fail" if is_violated else "open",
        "level": "error" if is_violated else "none",
        "message": {"text": terminal_text(text)},
        "locations": [_location(finding)],
        "partialFingerprints": {"patchsweepKey/v1": finding.key},
        "properties": {
            "severity": finding.severity,
            "kb_id": finding.kb_id,
            "cve_ids": finding.cve_ids,
            "group": finding.group,
        },
    }
    if waiver is not None:
        words = f"{waiver.reason} (approved by {waiver.approver}, until {waiver.expires.isoformat()})"
        members["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": terminal_text(words)},
        ]
    return members


def _location(finding: Finding) -> dict[str, Any]:
    path = f"{finding.account_id}/{finding.region}/{finding.instance_id}"
    return {
        # Code scanning shows only what has a file: the path of the machine stands for one.
        "physicalLocation": {"artifactLocation": {"uri": quote(path, errors="replace")}},
        "logicalLocations": [{"name": finding.instance_id, "fullyQualifiedName": path, "kind": "resource"}],
    }
