"""The demonstration moves from day to day, and the same day is always the same."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest

from scanner.simulator.demo import demo_world
from scanner.simulator.generate.build import AS_OF_S
from scanner.simulator.generate.calendar import held_updates, is_window
from scanner.simulator.generate.nodes import make_node
from scanner.simulator.generate.packages import DAY_S, Package
from scanner.simulator.running.expected import truth
from scanner.simulator.running.state import WorldState

pytestmark = pytest.mark.slow

LACKING = {"MISSING", "FAILED"}
BORN = 20_200


def seen(day):
    return truth(WorldState(demo_world(as_of_s=AS_OF_S + day * DAY_S)))


@pytest.fixture(scope="module")
def days():
    return [seen(day) for day in range(4)]


def rows_by_state(found):
    rows = {}
    for row in found.patches():
        rows.setdefault((row.account_id, row.region, row.instance_id, row.kb_id, row.title), row.state)
    return rows


def test_a_day_is_the_same_whenever_it_is_looked_at(days):
    assert list(seen(2).patches()) == list(days[2].patches())
    assert seen(2).nodes == days[2].nodes


def test_patches_appear_and_are_installed_from_day_to_day(days):
    for before, after in pairwise(days):
        then, now = rows_by_state(before), rows_by_state(after)
        appeared = sum(state in LACKING and then.get(key) not in LACKING for key, state in now.items())
        installed = sum(state in LACKING and "INSTALLED" in now.get(key, "") for key, state in then.items())
        assert 10 < appeared < 1_000
        assert 10 < installed < 1_000


def test_most_patches_that_are_lacking_were_lacking_the_day_before(days):
    then, now = rows_by_state(days[0]), rows_by_state(days[1])
    lacking = [key for key, state in now.items() if state in LACKING]
    assert sum(then.get(key) in LACKING for key in lacking) > 0.7 * len(lacking)


def test_nodes_come_and_go_and_most_stay(days):
    then, now = set(days[0].nodes), set(days[3].nodes)
    assert now - then
    assert then - now
    assert len(then & now) > 0.9 * len(then)


def test_some_nodes_are_not_touched_on_a_day_so_that_a_delta_scan_saves_calls(days):
    then, now = (
        {key: node.columns.get("snapshot_id") for key, node in found.nodes.items() if node.patch_rows}
        for found in days[:2]
    )
    unchanged = Counter(then[key] == now[key] for key in then.keys() & now.keys())
    assert unchanged[True] > 50
    assert unchanged[False] > 50


def test_dates_of_what_did_not_change_stay(days):
    then = {row[:8]: row.installed_time for row in days[0].patches()}
    moved = [row for row in days[1].patches() if row[:8] in then and then[row[:8]] != row.installed_time]
    assert len(moved) < 0.001 * len(then)


def life(seed):
    """A node, and by day what it holds of 20 updates, by their ids."""
    packages = tuple(Package(f"package-{number}", f"kernel {number}", "Security", "Important") for number in range(20))
    node = make_node(Random(seed), "amazon-linux-2023", number=seed)
    days = range(BORN, BORN + 120)
    return node, {day: {each.package.kb_id: each for each in held_updates(node, packages, day, BORN)} for day in days}


@pytest.mark.parametrize("seed", range(30))
def test_an_installed_update_is_there_from_the_day_that_it_names_on_and_not_before(seed):
    _, held = life(seed)
    for day, updates in held.items():
        for kb_id, update in updates.items():
            if update.installed_s is not None:
                since = int(-(-update.installed_s // DAY_S))
                meanwhile = {(held[each][kb_id].version, held[each][kb_id].installed_s) for each in range(since, day)}
                assert meanwhile <= {(update.version, update.installed_s)}
                assert since == BORN or held[since - 1][kb_id].installed_s != update.installed_s


@pytest.mark.parametrize("seed", range(30))
def test_only_a_version_that_a_window_tried_has_failed(seed):
    node, held = life(seed)
    for day in range(BORN + 1, BORN + 120):
        for kb_id, update in held[day].items():
            if update.state == "Failed" and update != held[day - 1][kb_id]:
                assert is_window(node, day)
