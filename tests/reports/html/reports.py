"""A report with something in every part of it, to be shown."""

from __future__ import annotations

import msgspec
from msgspec import structs

from scanner.core.model import EpochMs, ScanRow, ScanStatus, Scope
from scanner.core.settings import PatchSettings
from scanner.reports.group_counts import Groups
from scanner.reports.html.baselines import Baselines
from scanner.reports.html.findings import Ages, Findings, Report, Totals
from scanner.reports.html.machines import Machines

AT: EpochMs = 1_795_381_571_000
_ACCOUNT = {"account_id": "111122223333", "account_name": "payments", "region": "eu-west-1"}
_NODE = {
    **_ACCOUNT,
    "instance_id": "i-0a",
    "computer_name": "web-1",
    "platform_name": "Amazon Linux",
    "platform_version": "2023",
    "ping_status": "ConnectionLost",
    "status": "mismatched",
    "reason": "MISSING has 5 rows where AWS counts 6",
    "reboot_option": "NoReboot",
    "operation_ended_at": AT,
    "pending_since": AT,
    "missing": 5,
    "failed": 1,
    "critical": 3,
    "available": 0,
    "pending_reboot": 2,
}
_COUNTS = {"nodes": 3, "unknown": 1, "lacking": 2, "pending_reboot": 1, "critical": 9, "missing": 1_234, "failed": 1}
_LISTS = {
    "target_gaps": [
        {
            "status": "denied",
            "gaps": 1,
            "accounts": 1,
            "first": [{**_ACCOUNT, "status": "denied", "reason": "the role reader cannot be assumed"}],
        }
    ],
    "disabled_targets": [
        {
            "status": "disabled",
            "gaps": 1,
            "accounts": 1,
            "first": [
                {
                    **_ACCOUNT,
                    "region": "af-south-1",
                    "status": "disabled",
                    "reason": "the account's list says not-opted-in",
                }
            ],
        }
    ],
    "node_gaps": [{"status": "mismatched", "gaps": 1, "accounts": 1, "first": [_NODE]}],
    "severities": [{"severity": "Critical", "missing": 1_234, "failed": 1, "nodes": 2}],
    "priorities": [{"severity": "important", "missing": 4, "failed": 0, "nodes": 1}],
    "accounts": [{**_ACCOUNT, **_COUNTS, "region": None, "unread_targets": 1}],
    "regions": [{**_COUNTS, "account_id": None, "account_name": None, "region": "eu-west-1", "unread_targets": 0}],
    "patches": [
        {"kb_id": "KB1", "title": "an update", "titles": 2, "severity": "Critical", "cve_ids": ["CVE-1"], "nodes": 2}
    ],
    "nodes": [_NODE],
    "cves": [{"cve_id": "CVE-1", "severity": "Critical", "kb_ids": ["KB1"], "nodes": 2, "accounts": 1}],
    "reboots": [_NODE],
    "unknown": [{"reason": "stale", "machines": 1}],
}
_MACHINE = {
    **_ACCOUNT,
    "instance_id": "i-0f",
    "name": "forgotten",
    "platform_name": "Linux/UNIX",
    "reason": "it has no instance profile",
    "launched_at": AT,
    "operation_ended_at": AT,
    "missing": 7,
    "failed": None,
    "pending_reboot": 0,
}
_STATUSES = ("unmanaged", "stopped", "summary_only")
_MACHINES = {
    "with_ec2_state": 3,
    "reasons": [
        {"status": status, "reason": f"why {status}", "machines": 1, "accounts": 1}
        for status in (*_STATUSES, "service_managed")
    ],
    "reasons_total": 4,
    **{status: [_MACHINE] for status in _STATUSES},
    **{f"{status}_total": 1 for status in _STATUSES},
    "not_asked": [{"reason": "ec2:DescribeInstances is denied", "targets": 5, "accounts": 3}],
    "not_asked_total": 1,
}
_GROUPS = {
    "name": "tag Team",
    "rows": [{"value": "payments", **_COUNTS}, {"value": None, **_COUNTS}],
    "total": 2,
}
_SYSTEMS = {"name": "operating system", "rows": [{"value": "Amazon Linux", **_COUNTS}], "total": 1}
_BASELINE = {
    "name": "linux-prod",
    "operating_system": "AMAZON_LINUX_2023",
    "owner": "Self",
    "approve_after_days_min": 7,
    "approve_after_days_max": 7,
    "approve_until_date": "2026-01-31",
    "classifications": ["Security"],
    "severities": ["Critical"],
    "narrowed_by": ["PRODUCT"],
    "compliance_level": "HIGH",
    "approved_patches": ["kernel"],
    "rejected_patches": ["httpd"],
    "rejected_patches_action": "BLOCK",
    "available_security_updates": "COMPLIANT",
    "enable_non_security": False,
    "nodes": 2,
    "accounts": [{"account_id": "111122223333", "account_name": "payments"}],
    "accounts_total": 1,
}
_OTHER_RULES = {
    name: [] if isinstance(value, list) else None
    for name, value in _BASELINE.items()
    if name not in ("name", "operating_system", "owner", "nodes", "accounts", "accounts_total")
}
_BASELINES = {
    "used": [_BASELINE],
    "used_total": 1,
    "drifted": [_BASELINE, {**_BASELINE, **_OTHER_RULES}],
    "drifted_total": 2,
    "unknown_nodes": 1,
}
NO_TOTALS = Totals(*[0] * len(Totals.__struct_fields__))
NO_AGES = Ages(*[0] * len(Ages.__struct_fields__))
NOTHING = Findings(
    NO_TOTALS, NO_AGES, *[()] * len(_LISTS), Machines(with_ec2_state=3), Baselines(), Groups("operating system", (), 0)
)


def full() -> Report:
    """A partial scan with one entry in each list."""
    totals = Totals(
        machines=3,
        compliant=0,
        unknown=1,
        lacking_other=1,
        unlisted=0,
        counted_by_aws=2,
        compliant_by_aws=1,
        critical=9,
        critical_nodes=1,
        overdue=4,
        overdue_nodes=1,
        undated=2,
        lacking=2,
        without_cves=1,
        missing=1_234,
        missing_nodes=2,
        failed=1,
        failed_nodes=1,
        affected=2,
        pending_reboot=1,
        node_gaps=1,
        target_gaps=1,
        disabled_targets=1,
        accounts=1,
        regions=1,
        patches=1,
        cves=1,
    )
    ages = Ages(day=1, week=1, month=0, older=1, never=0, unread=0)
    lists = msgspec.to_builtins(_LISTS)
    parts = {"totals": structs.asdict(totals), "ages": structs.asdict(ages)}
    found = msgspec.convert(
        {**parts, **lists, "machines": _MACHINES, "baselines": _BASELINES, "systems": _SYSTEMS, "groups": _GROUPS},
        Findings,
    )
    return Report(scan(), PatchSettings(), found)


def scan(status: ScanStatus = ScanStatus.PARTIAL, **others) -> ScanRow:
    row = ScanRow(
        scan_id="20261123T210611Z-a1b2c3",
        status=status,
        started_at=AT,
        finished_at=AT + 200_500,
        mode="full",
        states=(),
        scope=Scope("organization", "enabled"),
        nodes={"verified": 1, "unchanged": 1, "mismatched": 1},
        targets={"scanned": 2, "denied": 1},
        patch_rows=2_000,
        requests=50,
        throttles=3,
        version="0.1.0",
    )
    return structs.replace(row, **others)


def complete(found: Findings = NOTHING, **others) -> Report:
    row = scan(ScanStatus.COMPLETE, nodes={"verified": 3}, targets={"scanned": 2}, **others)
    return Report(row, PatchSettings(), found)
