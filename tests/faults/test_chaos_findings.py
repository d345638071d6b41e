"""The judge of the chaos harness: it counts what is lost, doubled, foreign or wrong, and prints how to see it again."""

from __future__ import annotations

from collections import Counter

import pytest

from scanner.core.model import NodeStatus
from scanner.simulator.generate.build import make_world
from scanner.simulator.running.buckets import NO_LIMITS
from scanner.simulator.server.run import serve_in_thread
from tests.faults.chaos.campaign import Report
from tests.faults.chaos.findings import CATEGORIES, Findings, Held, compare, expected_statuses
from tests.faults.chaos.long_run import Total, print_seed
from tests.faults.chaos.mix import mix_of


@pytest.fixture(scope="module")
def truth():
    with serve_in_thread(make_world(accounts=2, regions=1, nodes=4, rows=5), limits=NO_LIMITS) as simulator:
        return simulator.truth()


def whole(truth):
    """What a right scan holds."""
    nodes = [
        {
            "account_id": key[0],
            "region": key[1],
            "instance_id": key[2],
            "status": node.status.value,
            "reason": None,
            "patch_rows": node.patch_rows,
            **node.columns,
        }
        for key, node in truth.nodes.items()
    ]
    targets = [
        {
            "account_id": key[0],
            "region": key[1],
            "status": target.status.value,
            "nodes": target.nodes,
            "patch_rows": target.patch_rows,
            "reason": None,
        }
        for key, target in truth.targets.items()
    ]
    return Held(nodes, Counter(map(tuple, truth.patches())), targets)


def found(held, truth):
    findings = Findings()
    compare(held, truth, {}, findings)
    return dict(findings.counts)


def test_a_right_scan_has_no_findings(truth):
    assert found(whole(truth), truth) == {}


def test_rows_that_are_lost_doubled_and_foreign_are_told_apart(truth):
    held = whole(truth)
    lost, doubled, *_ = held.patches
    held.patches[lost] -= 1
    held.patches[doubled] += 2
    held.patches[(*doubled[:3], "KB of nobody", *doubled[4:])] += 1
    assert found(held, truth) == {"rows lost": 1, "rows doubled": 2, "rows foreign": 1}


def test_a_page_of_another_node_is_foreign(truth):
    held = whole(truth)
    one, other = list(truth.nodes)[:2]
    for row in truth.patches_of(*one):
        held.patches[(*other, *row[3:])] += 1
    assert found(held, truth)["rows foreign"] > 0


@pytest.mark.parametrize(
    ("spoil", "category"),
    [
        (lambda held: held.nodes.pop(), "nodes lost"),
        (lambda held: held.nodes.append(held.nodes[0]), "nodes doubled"),
        (lambda held: held.nodes.append({**held.nodes[0], "instance_id": "i-0"}), "nodes foreign"),
        (lambda held: held.nodes[0].update(status="gone"), "wrong node statuses"),
        (lambda held: held.nodes[0].update(patch_rows=1), "wrong node facts"),
        (lambda held: held.nodes[0].update(snapshot_id="another"), "wrong node facts"),
        (lambda held: held.targets.pop(), "wrong targets"),
        (lambda held: held.targets[0].update(status="disabled"), "wrong targets"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whatever_is_wrong_with_nodes_and_targets_is_counted(spoil, category, truth):
    held = whole(truth)
    spoil(held)
    assert found(held, truth) == {category: 1}


def test_a_delta_scan_is_to_carry_over_what_was_verified_under_the_same_patch_state(truth):
    before = whole(truth).nodes_by_key
    unread, patched, *rest = truth.nodes
    before[unread]["status"] = "failed"
    before[patched]["snapshot_id"] = "earlier"

    statuses = expected_statuses("delta", truth, before)

    assert statuses[unread] == statuses[patched] == NodeStatus.VERIFIED
    assert {statuses[key] for key in rest} == {NodeStatus.UNCHANGED}
    assert expected_statuses("full", truth, before) == {key: node.status for key, node in truth.nodes.items()}


def test_a_seed_that_found_something_prints_the_command_that_replays_it(capsys):
    report = Report(mix_of(7))
    report.findings.add("rows lost", ["a row"])

    print_seed(report, in_full=False)

    assert "python -m tests.faults --seed 7\n" in capsys.readouterr().out


def test_the_summary_names_every_category_and_the_seeds_that_failed():
    total = Total()
    report = Report(mix_of(7))
    report.findings.add("rows lost", ["a row"])
    for one in (report, Report(mix_of(8))):
        total.add(one)

    text = total.text()

    assert all(f" {name}" in text for name in CATEGORIES)
    assert "1 rows lost, 0 rows doubled" in text
    assert "seeds that failed: [7]" in text
