"""The figures of earlier scans come from their manifests, and only from scans that can be compared."""

from __future__ import annotations

import pytest
from msgspec import structs

from scanner.app import trend as trend_module
from scanner.app.trend import SCANS_SHOWN, read_trend
from scanner.core.model import NodeStatus
from scanner.core.settings import ScopeSettings, Settings
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.store.store import Store
from tests.store.samples import STARTED_MS, header, node, opened, outcome, scan_row

pytestmark = pytest.mark.slow

DAY_MS = 86_400_000
ELSEWHERE = Settings(scope=ScopeSettings(regions=("eu-west-1",)))


@pytest.fixture
def store(tmp_path):
    return Store(LocalFiles(tmp_path))


def fresh(number, missing, *, age_days=1, status=NodeStatus.VERIFIED, day=0):
    made = node(number, patches=2 * missing, status=status)
    ended = STARTED_MS + day * DAY_MS - age_days * DAY_MS
    state = structs.replace(
        made.state,
        operation_end_time=ended,
        failed_count=0,
        installed_pending_reboot_count=0,
        installed_rejected_count=0,
    )
    return structs.replace(made, state=state)


async def committed(store, nodes, *, day=0, settings=None):
    started = STARTED_MS + day * DAY_MS
    scan_id = store.new_scan_id(started)
    scan = opened(store, scan_id)
    await scan.begin(structs.replace(header(scan_id, settings), started_at=started))
    await scan.add_segment(segment_table(scan_id, nodes))
    row = structs.replace(scan_row(scan_id, {}), started_at=started, finished_at=started + 60_000)
    await scan.commit(row, [outcome()])
    return scan_id


async def test_each_scan_is_a_point_and_stale_nodes_are_never_compliant(store):
    first = await committed(store, [fresh(1, 0), fresh(2, 3), fresh(3, 0, age_days=8)])
    gone = fresh(4, 0, status=NodeStatus.GONE)
    second = await committed(store, [fresh(1, 0, day=1), fresh(2, 0, day=1), gone], day=1)

    trend = await read_trend(store, second, stale_after_days=7)

    figures = [(each.scan_id, each.machines, each.compliant, each.critical) for each in trend.points]
    assert figures == [(first, 3, 1, 3), (second, 2, 2, 0)]
    assert trend.left_out == 0


async def test_scans_of_another_scope_and_later_ones_are_no_part_of_it(store):
    await committed(store, [fresh(1, 0)], settings=ELSEWHERE)
    shown = await committed(store, [fresh(1, 0)], day=1)
    await committed(store, [fresh(1, 0)], day=2)

    assert [each.scan_id for each in (await read_trend(store, shown, stale_after_days=7)).points] == [shown]


@pytest.fixture
def shown_at_most(monkeypatch):
    """Shows fewer scans than a quarter of a year, each of which takes 0.1 s to commit."""
    monkeypatch.setattr(trend_module, "SCANS_SHOWN", 4)
    return 4


def test_a_quarter_of_a_year_of_nights_is_shown():
    assert pytest.approx(365 / 4, abs=2) == SCANS_SHOWN


async def test_scans_of_another_scope_take_no_place_of_those_that_are_shown(store, shown_at_most):
    first = await committed(store, [fresh(1, 0)])
    for day in range(1, shown_at_most + 2):
        await committed(store, [], day=day, settings=ELSEWHERE)
    shown = await committed(store, [fresh(1, 0)], day=shown_at_most + 2)

    points = (await read_trend(store, shown, stale_after_days=7)).points

    assert [each.scan_id for each in points] == [first, shown]


async def test_no_more_scans_than_that_are_shown(store, shown_at_most):
    scans = [await committed(store, [], day=day) for day in range(shown_at_most + 3)]

    points = (await read_trend(store, scans[-1], stale_after_days=7)).points

    assert [each.scan_id for each in points] == scans[-shown_at_most - 1 :]


async def test_an_earlier_scan_that_is_damaged_is_counted_and_left_out(store, tmp_path):
    first, second = [await committed(store, [fresh(1, 0)], day=day) for day in range(2)]
    (tmp_path / "scans" / first / "manifest.json").write_bytes(b"{}")

    trend = await read_trend(store, second, stale_after_days=7)

    assert ([each.scan_id for each in trend.points], trend.left_out) == ([second], 1)
