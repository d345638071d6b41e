from __future__ import annotations

import io

from rich.console import Console

from scanner.cli.pace import seconds_left
from scanner.cli.progress import SLOTS, Progress
from scanner.core.model import CallCounts, NodeStatus, Target, TargetStatus
from scanner.reports.lines import rough_duration
from tests.cli.fake_app import node_scan, outcome

A, B = Target("111122223333", "eu-west-1"), Target("444455556666", "us-east-1")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def drawn(progress, width=100):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(progress)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def opened(progress, *targets):
    counts = {target: CallCounts() for target in targets}
    for target in targets:
        progress.target_opened(target, counts[target])
    return counts


def test_one_line_counts_nodes_targets_calls_and_throttles_and_the_open_targets_follow():
    clock = Clock()
    progress = Progress(clock)
    progress.targets_found(3)
    counts = opened(progress, A, B)
    progress.nodes_found(A, 1_500)
    progress.nodes_found(B, 10)
    for _ in range(3):
        progress.node_ended(node_scan(A))
    counts[A].requests, counts[A].throttles = 1_204, 3
    clock.now = 3_723.9
    progress.target_ended(outcome(B))

    line, bar, *slots = drawn(progress)
    assert line == "nodes 3/1,510 · targets 1/3 · 1,204 calls, 0/s · 3 throttled"
    assert bar.endswith("1:02:03 · 0 patch rows")
    assert slots == ["  111122223333/eu-west-1           3/1,500 nodes"]


def test_nodes_that_another_process_has_read_count_when_their_target_ends():
    progress = Progress(Clock())
    progress.targets_found(2)
    opened(progress, A)
    progress.nodes_found(A, 50)
    progress.target_ended(outcome(A, nodes=60, patch_rows=1_200, requests=70))

    line, bar = drawn(progress)
    assert line.startswith("nodes 60/60 · targets 1/2 · 70 calls")
    assert bar.endswith("1,200 patch rows")


def test_calls_a_second_and_the_time_left_follow_the_pace():
    clock = Clock()
    progress = Progress(clock)
    progress.targets_found(2)
    counts = opened(progress, A, B)
    progress.nodes_found(A, 300)
    for second in range(1, 11):
        clock.now = float(second)
        counts[A].requests = 40 * second
        progress.node_ended(node_scan(A))
        line = drawn(progress)[0]

    assert line == "nodes 10/300 · targets 0/2 · 400 calls, 40/s · about 5 min left"


def test_publishing_takes_the_place_of_the_counts():
    clock = Clock()
    progress = Progress(clock)
    opened(progress, A)
    progress.publishing(["parquet:out", "duckdb:\x1b[31m"], 9_000)
    progress.rows_published(4_500)
    clock.now = 61.0

    assert drawn(progress) == ["publishing 4,500/9,000 patch rows · 0:01:01 · to parquet:out, duckdb:\\x1b[31m"]


def test_a_narrow_terminal_cuts_lines_and_never_wraps_them():
    progress = Progress()
    opened(progress, A, B)
    progress.nodes_found(A, 1_000_000)

    assert len(drawn(progress, width=30)) == 4


def test_gaps_are_shown_as_they_come():
    progress = Progress()
    progress.nodes_found(A, 1)
    progress.node_ended(node_scan(A, NodeStatus.FAILED, "no answer"))
    progress.target_ended(outcome(A))
    progress.target_ended(outcome(B, TargetStatus.DENIED, "no role"))

    assert drawn(progress)[1].endswith("problems: 1 node, 1 target")


def test_only_so_many_open_targets_have_a_line():
    progress = Progress()
    opened(progress, *(Target(f"{number:012}", "eu-west-1") for number in range(1_000)))

    lines = drawn(progress)
    assert len(lines) == 2 + SLOTS + 1
    assert lines[-1] == f"  and {1_000 - SLOTS} targets more open"


def test_nothing_found_yet_is_drawn_too():
    assert drawn(Progress())[0] == "nodes 0/0 · targets 0/0 · 0 calls, 0/s"


def test_a_target_that_ended_before_it_was_opened_is_counted():
    progress = Progress()
    progress.targets_found(4)
    progress.target_ended(outcome(A, TargetStatus.DENIED, "no role"))

    assert "targets 1/4" in drawn(progress)[0]


def test_an_estimate_is_given_only_when_there_is_something_to_go_by():
    assert seconds_left(1.0, 100, 200, 1, 1) is None
    assert seconds_left(60.0, 3, 200, 1, 1) is None
    assert seconds_left(60.0, 100, 200, 1, 1) == 60.0
    assert seconds_left(60.0, 100, 200, 1, 3) == 300.0
    assert [rough_duration(seconds) for seconds in (1, 44, 100, 5_000, 9_000)] == [
        "10 s",
        "40 s",
        "2 min",
        "83 min",
        "2 h",
    ]
