"""A report with something in every part of it, to be shown."""

from __future__ import annotations

import msgspec
from msgspec import structs

from scanner.core.model import EpochMs, ScanRow, ScanStatus, Scope
from scanner.core.settings import PatchSettings
from scanner.reports.html.data import Ages, Found, Report, Totals

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
    "available": 0,
    "pending_reboot": 2,
}
_PLACE = {"nodes": 3, "unknown": 1, "lacking": 2, "pending_reboot": 1, "missing": 1_234, "failed": 1}
_LISTS = {
    "target_gaps": [{**_ACCOUNT, "status": "denied", "reason": "the role reader cannot be assumed"}],
    "disabled_targets": [
        {**_ACCOUNT, "region": "af-south-1", "status": "disabled", "reason": "the account's list says not-opted-in"}
    ],
    "node_gaps": [_NODE],
    "severities": [{"severity": "Critical", "missing": 1_234, "failed": 1, "nodes": 2}],
    "accounts": [{**_ACCOUNT, **_PLACE, "region": None, "unread_targets": 1}],
    "regions": [{**_PLACE, "account_id": None, "account_name": None, "region": "eu-west-1", "unread_targets": 0}],
    "patches": [
        {"kb_id": "KB1", "title": "an update", "titles": 2, "severity": "Critical", "cve_ids": ["CVE-1"], "nodes": 2}
    ],
    "nodes": [_NODE],
    "cves": [{"cve_id": "CVE-1", "severity": "Critical", "kb_ids": ["KB1"], "nodes": 2, "accounts": 1}],
    "reboots": [_NODE],
}
NO_TOTALS = Totals(*[0] * len(Totals.__struct_fields__))
NO_AGES = Ages(*[0] * len(Ages.__struct_fields__))
NOTHING = Found(NO_TOTALS, NO_AGES, *[()] * len(_LISTS))


def full() -> Report:
    """A partial scan with one entry in each list."""
    totals = Totals(
        lacking=2,
        without_cves=1,
        missing=1_234,
        missing_nodes=2,
        failed=1,
        failed_nodes=1,
        concerned=2,
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
    found = msgspec.convert({"totals": structs.asdict(totals), "ages": structs.asdict(ages), **lists}, Found)
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


def complete(found: Found = NOTHING, **others) -> Report:
    row = scan(ScanStatus.COMPLETE, nodes={"verified": 3}, targets={"scanned": 2}, **others)
    return Report(row, PatchSettings(), found)
