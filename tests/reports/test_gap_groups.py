"""The same denial in many accounts is one line with a count."""

from __future__ import annotations

from scanner.core.model import NodeStatus, Scope, Target
from scanner.reports.gap_groups import Gap, group_gaps
from scanner.reports.scan_result import GAPS_KEPT, NodeGap, NodeGaps

REASON = "Role arn:aws:iam::{account}:role/reader cannot be assumed in account {account}, Region {region}"


def denied(number, region="eu-west-1"):
    account = f"{number:012}"
    return Gap(Target(account, region), "denied", REASON.format(account=account, region=region))


def test_the_same_denial_in_39_accounts_is_one_line_with_a_count():
    (group,) = group_gaps([denied(number, region) for number in range(13) for region in ("a-b-1", "c-d-2", "e-f-3")])

    assert group.text("target", 2).startswith(
        "39 targets (000000000000/a-b-1, 000000000000/c-d-2 and 37 more), the first: Role"
    )


def test_another_status_or_another_reason_is_a_line_of_its_own_and_the_largest_comes_first():
    failed = Gap(Target("1" * 12, "eu-west-1"), "failed", "no answer")
    groups = group_gaps([failed, denied(1), denied(2)])

    assert [len(group.gaps) for group in groups] == [2, 1]
    assert groups[1].text("target", 2) == f"{'1' * 12}/eu-west-1: no answer"


def test_nodes_are_grouped_whatever_their_ids():
    gaps = [
        Gap(Target("1" * 12, "eu-west-1"), "denied", f"no access to {i}", i)
        for i in ("i-0123456789abcdef0", "mi-00000000")
    ]
    (group,) = group_gaps(gaps)

    assert group.text("node", 8).endswith("mi-00000000), the first: no access to i-0123456789abcdef0")


def test_a_gap_without_a_reason_is_its_label():
    gap = Gap(Target("1" * 12, "eu-west-1"), "unfinished", None)

    assert group_gaps([gap])[0].text("target", 2) == f"{'1' * 12}/eu-west-1"
    assert group_gaps([gap, gap])[0].text("target", 1) == f"2 targets ({'1' * 12}/eu-west-1 and 1 more)"


def test_every_node_gap_is_counted_by_its_cause_though_only_the_first_are_kept():
    gaps = NodeGaps(Scope("organization", "enabled"))
    for number in range(40):
        target = Target(f"{number:012}", "eu-west-1")
        reason = f"role in {number:012} of eu-west-1 refused"
        gaps.add(NodeGap(target, "i-0123456789abcdef0", NodeStatus.DENIED, reason))

    assert len(gaps.first) == GAPS_KEPT
    assert gaps.by_cause == {"denied: role in … of … refused": 40}
