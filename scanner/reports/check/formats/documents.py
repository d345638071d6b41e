"""A check as JSON: one object, or a line for each finding and one for the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from scanner.core.safe_text import terminal_json
from scanner.reports.check.finding import Finding
from scanner.reports.check.formats.words import clock_sentence, moment
from scanner.reports.check.result import CheckResult, WaivedFinding

#: Raised when a member is renamed, removed or means something else; new members do not raise it.
SCHEMA_VERSION = 1


def json_document(result: CheckResult) -> str:
    """Returns one object with a `schema_version`; times are ISO 8601 in UTC."""
    members = {
        **summary(result),
        "findings": [finding_members(each) for each in result.findings],
        "waived": [_waived(each) for each in result.waived],
    }
    return terminal_json(msgspec.json.format(msgspec.json.encode(members), indent=2).decode()) + "\n"


def json_lines(result: CheckResult) -> str:
    """Returns an object a line with its `kind`: `finding` or `waived` each, and last the `result`."""
    lines = [{"kind": "finding", **finding_members(each)} for each in result.findings]
    lines += [{"kind": "waived", **_waived(each)} for each in result.waived]
    lines.append({"kind": "result", **summary(result)})
    return "".join(terminal_json(msgspec.json.encode(line).decode()) + "\n" for line in lines)


def summary(result: CheckResult) -> dict[str, Any]:
    """Returns everything but the findings."""
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": result.verdict,
        "scan_id": result.scan_id,
        "scan_finished_at": moment(result.scan_finished_at),
        "checked_at": moment(result.checked_at),
        "machines": result.machines,
        "clock": clock_sentence(result.policy),
        "rules": result.rules,
        "groups": result.groups,
        "feeds": result.feeds,
        "expired_waivers": result.expired_waivers,
        "waivers_without_match": result.waivers_without_match,
        "findings_not_listed": max(result.unlisted, 0),
    }


def finding_members(finding: Finding) -> Mapping[str, Any]:
    """Returns the members of a finding, its key first."""
    since = None if finding.missing_since is None else moment(finding.missing_since)
    members = {**msgspec.structs.asdict(finding), "missing_since": since}
    members.pop("tags")
    return {"key": finding.key, **members}


def _waived(waived: WaivedFinding) -> Mapping[str, Any]:
    return {**finding_members(waived.finding), "waiver": waived.waiver}
