from __future__ import annotations

import io

from rich.console import Console

from scanner.cli.progress import SLOTS, Progress
from scanner.core.model import NodeStatus, Target, TargetStatus
from tests.cli.fake_app import node_scan, outcome

A, B = Target("111122223333", "eu-west-1"), Target("444455556666", "us-east-1")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def drawn(progress):
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    console.print(progress)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_progress_counts_nodes_rows_and_ended_targets_and_shows_the_open_ones():
    clock = Clock()
    progress = Progress(clock)
    progress.target_opened(A)
    progress.target_opened(B)
    progress.nodes_found(A, 1_500)
    progress.nodes_found(B, 10)
    for _ in range(3):
        progress.node_ended(node_scan(A))
    clock.now = 3_723.9
    progress.target_ended(outcome(B))

    bar, counts, *slots = drawn(progress)
    assert bar.startswith("nodes ")
    assert bar.endswith("3/1,510 nodes (still listing) 1:02:03")
    assert counts == "  0 patch rows, 1 target ended"
    assert slots == ["  111122223333/eu-west-1           3/1,500 nodes"]


def test_gaps_are_shown_as_they_come():
    progress = Progress()
    progress.nodes_found(A, 1)
    progress.node_ended(node_scan(A, NodeStatus.FAILED, "no answer"))
    progress.target_ended(outcome(A))
    progress.target_ended(outcome(B, TargetStatus.DENIED, "no role"))

    assert drawn(progress)[1].endswith("problems: 1 node, 1 target")


def test_only_so_many_open_targets_have_a_line():
    progress = Progress()
    for number in range(1_000):
        progress.target_opened(Target(f"{number:012}", "eu-west-1"))

    lines = drawn(progress)
    assert len(lines) == 2 + SLOTS + 1
    assert lines[-1] == f"  and {1_000 - SLOTS} targets more open"


def test_nothing_found_yet_is_drawn_too():
    assert "0/0 nodes (still listing)" in drawn(Progress())[0]


def test_a_target_that_ended_before_it_was_opened_is_counted():
    progress = Progress()
    progress.target_ended(outcome(A, TargetStatus.DENIED, "no role"))

    assert "1 target ended" in drawn(progress)[1]
