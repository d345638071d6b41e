"""`--mode lean` over nights: what is lacking is always true, what is carried was true when its date says."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec import structs

from scanner.core.errors import Interrupted
from scanner.core.model import NodeStatus, ScanStatus
from scanner.core.state_names import REFRESHED_STATES
from scanner.simulator.generate.build import make_world
from scanner.simulator.world.faults import Faults
from scanner.simulator.world.machines import Baseline
from tests.faults.nights import half_lacking, nights
from tests.faults.worlds import WORLD, stop_at_the_last_account

FIRST, AFTER = Faults(filter_before_page=True), Faults(filter_before_page=False)
SMALL = make_world(accounts=2, regions=1, nodes=30, rows=120)
OWN_BASELINE = Baseline("pb-0123456789abcdef0", "own", "WINDOWS")


@pytest.mark.slow
async def test_a_night_costs_a_seventh_of_a_full_scan_and_every_node_is_read_whole_in_seven(tmp_path, monkeypatch):
    with nights(half_lacking(20), tmp_path, monkeypatch, faults=FIRST) as fleet:
        full = await fleet.scan("full")
        calls, whole = [], Counter()
        for _ in range(7):
            fleet.next_day()
            night = await fleet.scan()
            fleet.assert_dated_truth(night)
            assert night.result.scan.status is ScanStatus.COMPLETE
            calls.append(night.calls)
            whole.update(key for key, status in night.statuses.items() if status == "verified")

    assert sum(calls) / len(calls) <= full.calls / 7
    assert set(whole) == set(full.nodes)
    assert set(whole.values()) == {1}


@pytest.mark.slow
async def test_where_aws_filters_after_cutting_pages_a_night_never_costs_more_than_a_full_scan(tmp_path, monkeypatch):
    with nights(half_lacking(20), tmp_path, monkeypatch, faults=AFTER) as fleet:
        full = await fleet.scan("full")
        for _ in range(3):
            fleet.next_day()
            night = await fleet.scan()
            fleet.assert_dated_truth(night)
            assert night.calls <= full.calls


async def test_a_node_that_misses_other_updates_in_the_same_number_is_told_apart(tmp_path, monkeypatch):
    with nights(SMALL, tmp_path, monkeypatch, faults=FIRST) as fleet:
        await fleet.scan("full")
        before = fleet.simulator.truth()
        lacking = {key: missing(before, key) for key in before.nodes if missing(before, key)}

        def supersede():
            for key in lacking:
                fleet.simulator.supersede_node(*key)

        fleet.next_day(change=supersede)
        night = await fleet.scan()

        assert lacking
        fleet.assert_dated_truth(night)
        after = fleet.simulator.truth()
        assert all(missing(after, key) != rows for key, rows in lacking.items())


def missing(truth, key):
    return [row for row in truth.patches_of(*key) if row.state == "MISSING"]


async def test_a_node_that_was_patched_is_read_whole(tmp_path, monkeypatch):
    with nights(SMALL, tmp_path, monkeypatch, faults=FIRST) as fleet:
        await fleet.scan("full")
        patched = list(fleet.simulator.truth().nodes)[::5]

        def patch():
            for key in patched:
                fleet.simulator.patch_node(*key)

        fleet.next_day(change=patch)
        night = await fleet.scan()

        fleet.assert_dated_truth(night)
        assert {night.statuses[key] for key in patched} == {"verified"}
        assert "refreshed" in night.statuses.values()


async def test_a_fleet_on_which_no_operation_ended_costs_no_call_for_patches(tmp_path, monkeypatch):
    with nights(SMALL, tmp_path, monkeypatch, faults=FIRST) as fleet:
        await fleet.scan("lean")
        night = await fleet.scan("lean")

        assert (night.calls, set(night.statuses.values())) == (0, {"unchanged"})
        fleet.assert_dated_truth(night)


async def test_a_lean_scan_over_a_full_one_leaves_out_what_is_not_applicable(tmp_path, monkeypatch):
    windows = make_world(accounts=1, regions=1, nodes=8, rows=120, platforms=("windows-2022",))
    with nights(windows, tmp_path, monkeypatch, faults=FIRST) as fleet:
        full = await fleet.scan("full")
        same_day = await fleet.scan("lean")
        fleet.next_day()
        next_day = await fleet.scan("lean")

    def not_applicable(night):
        return sum(row[7] == "NOT_APPLICABLE" for rows in night.rows.values() for row, _ in rows)

    assert not_applicable(full)
    assert (not_applicable(same_day), not_applicable(next_day)) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("is_first", [True, False])
async def test_nodes_of_every_kind_end_as_they_have_to(tmp_path, monkeypatch, is_first):
    odd = Faults(
        filter_before_page=is_first,
        state_missing=0.1,
        counts_unknown=0.1,
        no_snapshot=0.2,
        mismatched=0.1,
        patched_midway=0.2,
        empty_page=0.1,
        internal_error_500=0.1,
        invalid_next_token=0.1,
        varying_page_sizes=True,
    )
    with nights(WORLD, tmp_path, monkeypatch, faults=odd) as fleet:
        await fleet.scan("full")
        fleet.next_day()
        night = await fleet.scan()

        truth = fleet.simulator.truth()
        assert night.nodes.keys() == truth.nodes.keys()
        for key, status in night.statuses.items():
            if status != truth.nodes[key].status:
                assert status == NodeStatus.REFRESHED
                assert truth.nodes[key].status is NodeStatus.VERIFIED
            lacking = [tuple(row) for row in truth.patches_of(*key) if row.state in REFRESHED_STATES]
            assert [row for row, _ in night.rows.get(key, []) if row[7] in REFRESHED_STATES] == lacking


@pytest.mark.slow
async def test_a_lean_scan_that_was_stopped_is_resumed(tmp_path, monkeypatch):
    world = make_world(accounts=3, regions=1, nodes=60, rows=60)
    with nights(world, tmp_path, monkeypatch, faults=FIRST) as fleet:
        one_at_a_time = structs.replace(fleet.settings.limits, max_open_targets=1)
        fleet.settings = structs.replace(fleet.settings, limits=one_at_a_time)
        await fleet.scan("full")
        fleet.next_day()
        stop_at_the_last_account(fleet.simulator)
        with pytest.raises(Interrupted):
            await fleet.scan()
        night = await fleet.scan("full", resume="latest")

        assert night.result.scan.mode == "lean"
        (resumed,) = (note for note in night.result.notes if note.startswith("resumed: "))
        assert not resumed.startswith("resumed: 0 nodes")
        fleet.assert_dated_truth(night)
        assert "refreshed" in night.statuses.values()


async def test_a_node_whose_baseline_changed_is_read_whole(tmp_path, monkeypatch):
    with nights(SMALL, tmp_path, monkeypatch, faults=FIRST) as fleet:
        await fleet.scan("full")
        hub, _ = SMALL.accounts

        def change_baseline():
            fleet.simulator.set_baselines(hub, [OWN_BASELINE])

        fleet.next_day(change=change_baseline)
        night = await fleet.scan()

        fleet.assert_dated_truth(night)
        changed = {key for key, row in night.nodes.items() if row["baseline_id"] == OWN_BASELINE.baseline_id}
        assert changed
        assert {night.statuses[key] for key in changed} == {"verified"}
        assert "refreshed" in night.statuses.values()
