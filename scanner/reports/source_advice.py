"""Says what a scan would show besides, were each refused source allowed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from scanner.core.machines import SourceCheck
from scanner.core.model import Target
from scanner.reports.lines import counted
from scanner.reports.not_asked import not_asked_causes

#: What each action adds, to follow "allow it to see ".
WHAT_IT_ADDS = {
    "ec2:DescribeInstances": "unmanaged and stopped machines, and the tags of EC2 nodes",
    "ssm:GetServiceSetting": "whether Default Host Management makes unmanaged machines managed ones",
    "ssm:GetInventory": "stopped hybrid nodes, and what Inventory knows of stopped machines",
    "ssm:ListAssociations": "counts of nodes that AWS-RunPatchBaselineAssociation scans",
    "ssm:ListComplianceItems": "counts of nodes that AWS-RunPatchBaselineAssociation scans",
    "tag:GetResources": "the tags of hybrid nodes",
    "ssm:DescribePatchBaselines": "patch baselines, without which `cve` clears no machine",
    "ssm:GetPatchBaseline": "patch baselines, without which `cve` clears no machine",
}


def source_advice(refused: Iterable[tuple[Target, SourceCheck]]) -> Iterator[str]:
    """Yields `ec2:DescribeInstances is denied in 3 accounts; allow it to see …` for each cause, in the order tried."""
    accounts: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    firsts: dict[tuple[str, str], str | None] = {}
    for target, check in refused:
        for cause, text in not_asked_causes(check.reason):
            accounts[check.action, cause].add(target.account_id)
            firsts.setdefault((check.action, cause), text)
    for (action, cause), where in accounts.items():
        text = firsts[action, cause]
        failed = f", the first: {text}" if text else ""
        yield f"{cause} in {counted(len(where), 'account')}{failed}; allow it to see {WHAT_IT_ADDS[action]}"
