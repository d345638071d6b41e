"""Every benchmark at a tiny size: it runs, the rows are all there, and the report has its shape."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from scanner.core.model import Target
from tests.benchmarks import dask_targets, delta_worker, hot_path, many_targets, s3_store, stalls, views, worker_memory
from tests.benchmarks.__main__ import report_of, run
from tests.benchmarks.aimd import AimdGauge
from tests.benchmarks.hot_path import CLIENTS, MACHINES_TOO, READING, Load
from tests.benchmarks.plan import TINY
from tests.benchmarks.processes import serving
from tests.benchmarks.profiles import COUNTS, make_profiles
from tests.benchmarks.rate import Kept, stretches
from tests.benchmarks.results import Result, as_text, at_most, ratio
from tests.rate_server import Bucket, Run
from tests.rate_server import run as run_in_virtual_time


@pytest.mark.parametrize("name", list(CLIENTS))
def test_every_client_reads_all_rows_that_the_server_has(name):
    runs = hot_path.measure(TINY, tls=name == READING, clients={name: CLIENTS[name]})

    assert [run.rows for run in runs] == [Load.of(TINY).rows]
    assert runs[0].cpu_s > 0


def test_the_server_answers_every_source_of_a_target_at_once():
    with serving({"eu-west-1": 4}) as server:
        CLIENTS[MACHINES_TOO].run(server, ["eu-west-1"])
        counts = server.stats()["counts"]

    assert counts.pop("DescribeInstancePatches") > 4
    assert counts.pop("DescribeInstancePatchStates") > 0
    assert {"DescribeInstances", "GetInventory", "DescribePatchBaselines"} <= counts.keys()
    assert set(counts.values()) == {1}  # none was refused, and so none was repeated


def test_a_client_that_reads_too_few_rows_spoils_the_benchmark():
    class Careless:
        def run(self, server, regions):
            counted = CLIENTS[READING].run(server, regions)
            return replace(counted, rows=counted.rows - 1) if counted.rows else counted

    with pytest.raises(RuntimeError, match="Careless read"):
        hot_path.measure(TINY, tls=False, clients={"Careless": Careless()})


def test_the_counts_of_a_patch_state_are_those_of_its_rows():
    for profile in make_profiles():
        states = [row["State"] for row in profile.rows]
        assert {name: states.count(name) for name in COUNTS} == {name: profile.state[COUNTS[name]] for name in COUNTS}


def test_a_report_names_machine_versions_goals_and_every_run():
    results = list(run(["start-up"], TINY))

    report = json.loads(json.dumps(report_of(TINY, results)))

    assert {"date", "cpu", "cores", "python", "packages", "size", "results"} <= report.keys()
    assert [result["benchmark"] for result in report["results"]] == ["start-up"]
    for result in report["results"]:
        assert result["runs"]
        assert all(len(row) == len(result["columns"]) for row in result["rows"])
        assert result["goals"]
    assert "### CPU seconds of starting up" in as_text(results[0][1])


def test_stalls_are_measured_in_both_phases_of_a_scan():
    [result] = stalls.stalls(TINY)

    assert {(run["latency_s"], run["phase"]) for run in result.runs} == {
        (latency_s, phase) for latency_s in stalls.LATENCIES_S for phase in stalls.PHASES
    }
    assert all(run["rows"] == Load.of(TINY).rows for run in result.runs)


def test_a_missed_goal_is_called_missed():
    text = as_text(Result("Name", "About.", ["a"], [["1"]], [], {"below 1": False, "below 3": True}))

    assert "- MISSED: below 1" in text
    assert "- met: below 3" in text


def test_ratios_are_taken_within_a_round():
    assert ratio([10.0, 100.0, 1.0], [5.0, 10.0, 0.5]) == 2.0


def test_the_largest_target_first_ends_sooner_than_last():
    sizes = {Target(f"{number:012}", "eu-west-1"): 20 for number in range(10)}
    large = Target("999999999999", "eu-west-1")

    first = many_targets.total_s([large, *sizes], {**sizes, large: 200}, 2)
    last = many_targets.total_s([*sizes, large], {**sizes, large: 200}, 2)

    assert (first, last) == (10.0, 15.0)


def test_a_stretch_counts_from_where_it_settled():
    steady = [(number / 10 + 0.01, True) for number in range(100, 300)]
    rates = [(0.0, 10.0)]

    [(start, end, kept)] = stretches(Run(steady, Bucket(rates, 1.0)), rates, 30.0)

    assert (start, end) == (0.0, 30.0)
    assert kept.settled_after_s == pytest.approx(10.0, abs=1.0)
    assert kept.useful == pytest.approx(1.0, abs=0.05)
    assert kept.throttled == 0.0
    assert kept.meets_goals


@pytest.mark.parametrize(
    ("values", "met"),
    [
        ([1.0, 1.1, 1.2, 1.3, 1.4], True),
        ([1.6, 1.7, 1.8, 1.9, 2.0], False),
        ([1.0, 1.1, 1.2, 1.3, 1.8], None),
        ([1.0, 1.1, 1.2, 1.3], None),
        ([-0.1, 1.1, 1.2, 1.3, 1.4], None),
        ([1.0] * 9 + [9.0], True),
        ([0.1] + [1.6] * 9, False),
        ([1.0] * 8 + [9.0, 9.0], None),
    ],
    ids=[
        "all below",
        "all above",
        "few that disagree",
        "too few",
        "a cost below 0",
        "one of ten above",
        "one of ten below",
        "two of ten above",
    ],
)
def test_a_goal_is_met_or_missed_where_the_rounds_agree_and_not_shown_otherwise(values, met):
    assert at_most(values, 1.5) is met


@pytest.mark.parametrize(
    "missed",
    [
        Kept(20.0, None, 1.0, 0.0),
        Kept(20.0, 21.0, 1.0, 0.0),
        Kept(20.0, 5.0, 0.96, 0.0),
        Kept(20.0, 5.0, 1.0, 0.015),
    ],
    ids=["never settled", "settled late", "left unused", "refused often"],
)
def test_a_stretch_that_misses_one_of_the_goals_of_rate_control_misses(missed):
    assert not missed.meets_goals


def test_the_peer_of_the_gauge_finds_a_rate_and_saws_around_it():
    estimator = AimdGauge(rate_per_s=10.0, burst=10.0, min_rate_per_s=0.5, max_rate_per_s=400.0)

    result = run_in_virtual_time(estimator, Bucket([(0, 20)], 40), until=120.0)

    assert 0.7 < result.useful(40, 120) <= 1.01
    assert result.refused(40, 120) > 0


def test_a_benchmark_that_does_not_exist_is_named_with_those_that_do():
    command = [sys.executable, "-m", "tests.benchmarks", "--only", "speed"]

    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 2
    assert "there is no benchmark 'speed'; there are plain," in ended.stderr


def test_neither_help_nor_a_scan_of_aws_loads_what_it_does_not_need():
    code = "import sys, scanner.cli as c; print('botocore' in sys.modules, 'pyarrow' in sys.modules); "
    code += "c.load_app(); print(any(name.startswith('scanner.simulator') for name in sys.modules))"

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.splitlines() == ["False False", "False"]


@pytest.mark.slow
@pytest.mark.process
def test_every_command_answers_over_a_big_store_which_stays_for_the_next_time(tmp_path):
    size = replace(TINY, kept_stores=str(tmp_path))
    [result] = views.views(size)
    [again] = views.views(size)

    assert [run["what"] for run in result.runs] == ["commit", *views.COMMANDS, views.PARQUET]
    assert all(run["cpu_s"] > 0 for run in result.runs)
    assert len(result.goals) == 14
    assert again.runs[0] == result.runs[0]


@pytest.mark.slow
@pytest.mark.process
def test_commands_over_s3_are_counted_at_a_server():
    [result] = s3_store.s3_store(TINY)

    assert [run["what"] for run in result.runs] == [*views.COMMANDS]
    assert all(run["lists"] <= s3_store.MOST_LISTS for run in result.runs)


@pytest.mark.slow
@pytest.mark.process
def test_a_worker_looks_up_its_own_nodes_of_a_small_and_of_a_larger_scan():
    [result] = worker_memory.worker_memory(TINY)

    assert [run["nodes"] for run in result.runs] == list(TINY.worker_nodes)
    assert all(run["peak_mb"] > 10 for run in result.runs)
    assert len(result.goals) == 1


@pytest.mark.slow
@pytest.mark.process
def test_workers_of_a_delta_scan_carry_every_row_over_and_ask_for_no_page():
    [result] = delta_worker.delta_worker(replace(TINY, worker_nodes=(8, 16)))

    assert [run["rows"] for run in result.runs] == [16 * delta_worker.ROWS_A_NODE, 32 * delta_worker.ROWS_A_NODE]
    assert all(run["peak_mb"] > 10 for run in result.runs)
    assert len(result.goals) == 1


@pytest.mark.slow
@pytest.mark.process
def test_what_dask_adds_to_a_target_is_what_many_take_less_a_few():
    [result] = dask_targets.many_dask_targets(TINY)

    [run] = result.runs
    assert run["targets"] == TINY.dask_targets
    assert run["added_ms"] == pytest.approx(run["workers_ms"] - run["alone_ms"])
    assert run["start_s"] > 0
