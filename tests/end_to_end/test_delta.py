"""`--mode delta`: a second scan reads what changed and nothing else, and holds every row all the same."""

from __future__ import annotations

from math import ceil

from scanner.core.model import NodeStatus
from scanner.simulator.generate.build import make_world
from scanner.simulator.server.run import serve_in_thread
from scanner.simulator.world.faults import Faults
from tests.end_to_end.commands import ORGANIZATION
from tests.end_to_end.tables import STREAMED, assert_right, from_stream

NODES_A_CALL = 50
DELTA = ("--mode", "delta")


def scan_in_delta_mode(user, simulator):
    """The tables, and the requests that the scan cost, in all and for patches."""
    before = simulator.stats.requests(), simulator.stats.requests("DescribeInstancePatches")
    ended = user.run("scan", *ORGANIZATION, *DELTA, *STREAMED)
    assert (ended.code, ended.sentences) == (0, [])
    cost = simulator.stats.requests() - before[0], simulator.stats.requests("DescribeInstancePatches") - before[1]
    return from_stream(ended.stdout.splitlines()), *cost


def test_a_delta_scan_reads_only_the_nodes_that_were_patched_since(terminal):
    with serve_in_thread(make_world(accounts=2, regions=2, nodes=200, rows=60)) as simulator:
        user = terminal.given(simulator.environment())
        assert user.run("scan", *ORGANIZATION).code == 0
        enumeration = simulator.stats.requests() - simulator.stats.requests("DescribeInstancePatches")
        summaries = len(simulator.truth().targets) * ceil(50 / NODES_A_CALL)

        tables, calls, of_patches = scan_in_delta_mode(user, simulator)
        assert (calls <= enumeration, of_patches) == (True, 0)
        assert calls >= summaries
        unchanged = dict.fromkeys(simulator.truth().nodes, NodeStatus.UNCHANGED)
        assert_right(tables, simulator.truth(), statuses=unchanged)

        patched = list(simulator.truth().nodes)[::40]
        for key in patched:
            simulator.patch_node(*key)
        truth = simulator.truth()
        tables, _, of_patches = scan_in_delta_mode(user, simulator)
        assert of_patches == sum(ceil(truth.nodes[key].patch_rows / NODES_A_CALL) for key in patched)
        assert_right(tables, truth, statuses=unchanged | dict.fromkeys(patched, NodeStatus.VERIFIED))


def test_a_delta_scan_reads_anew_what_no_patch_state_vouches_for(terminal):
    odd = Faults(state_missing=0.2, counts_unknown=0.2, no_snapshot=0.2, never_scanned=0.1, association_scanned=0.1)
    with serve_in_thread(make_world(accounts=1, regions=1, nodes=100, rows=20), faults=odd) as simulator:
        user = terminal.given(simulator.environment())
        assert user.run("scan", *ORGANIZATION).code == 0
        truth = simulator.truth()
        tables, *_ = scan_in_delta_mode(user, simulator)
        statuses = {(row[1], row[2], row[3]): row[4] for row in tables["nodes"]}
        carried = [key for key, status in statuses.items() if status == NodeStatus.UNCHANGED]
        assert carried
        assert all(truth.nodes[key].columns["operation_end_time"] is not None for key in carried)
        assert_right(tables, truth, statuses=dict.fromkeys(carried, NodeStatus.UNCHANGED))


def test_a_delta_scan_without_an_earlier_one_is_a_full_one_and_says_so(terminal):
    with serve_in_thread(make_world(accounts=1, regions=1, nodes=20, rows=20)) as simulator:
        user = terminal.given(simulator.environment())
        ended = user.run("scan", *ORGANIZATION, *DELTA, *STREAMED)
        assert ended.code == 0
        assert "no committed scan with the same patch filters holds nodes read in the last 7 days" in " ".join(
            ended.stderr.split()
        )
        assert_right(from_stream(ended.stdout.splitlines()), simulator.truth())
