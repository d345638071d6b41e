"""Delta and lean scans by workers: nodes wait in the store for their rows, and each earlier segment is read once."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from msgspec import structs

from scanner.app import run_begin, run_finish, run_work
from scanner.cli.exit_codes import scan_exit_code
from scanner.files.local import LocalFiles
from scanner.simulator.generate.build import make_world
from scanner.store.layout import ScanNames
from scanner.store.store import Store
from tests.faults.worlds import organization, scan, settings_for, stored

WORLD = make_world(accounts=2, regions=2, nodes=40, rows=30)
PATCHES, LISTING = "DescribeInstancePatches", "DescribeInstanceInformation"
PARTS = ("0/3", "1/3", "2/3")

pytestmark = pytest.mark.slow


@pytest.fixture
def simulator():
    with organization(WORLD) as simulator:
        yield simulator


def with_small_segments(settings):
    return structs.replace(settings, store=structs.replace(settings.store, flush_interval_s=0.2, flush_rows=200))


@pytest.fixture
async def settings(simulator, tmp_path):
    """Those of a store with one scan."""
    settings = with_small_segments(settings_for(tmp_path / "store", WORLD))
    await scan(settings)
    return settings


async def begin(settings):
    return (await run_begin(settings, resume=None, demo=False, stdout=io.BytesIO())).scan_id


async def work(settings, scan_id, part="0/1"):
    return await run_work(settings, scan_id, part, observers=[])


async def finish(settings, scan_id):
    result = await run_finish(settings, scan_id, observers=[], stdout=io.BytesIO())
    return result, scan_exit_code(result.scan, result.sink_failures)


async def names(settings, prefix):
    return await LocalFiles(settings.store.location).names(prefix)


async def rows_of(settings, scan_id):
    """What a scan holds, less what tells when and by which requests it was read."""
    found = await stored(settings.store.location, scan_id)
    read = {"scan_id", "scanned_at", "pages", "restarts", "history_since", "installed_read_at", "reboot_pending_since"}
    nodes = {key: {name: row[name] for name in row if name not in read} for key, row in found.nodes.items()}
    patches = {key: Counter(rows) for key, rows in found.patches.items()}
    return nodes, patches


@pytest.fixture
def reads(monkeypatch):
    """Counts how often each file of a store is read."""
    counted = Counter()
    get = LocalFiles.get

    async def counting(self, name):
        counted[name] += 1
        return await get(self, name)

    monkeypatch.setattr(LocalFiles, "get", counting)
    return counted


@pytest.mark.parametrize("mode", ["delta", "lean"])
@pytest.mark.parametrize("rounds", [1, 2])
async def test_the_rows_are_those_of_one_process(rounds, mode, simulator, settings, tmp_path):
    alone = with_small_segments(settings_for(tmp_path / "alone", WORLD))
    await scan(alone)
    if mode == "lean":
        simulator.rescan_nodes()
    first = await scan(structs.replace(alone, mode=mode))
    scan_id = await begin(structs.replace(settings, mode=mode))
    for part in PARTS * rounds:
        await work(settings, scan_id, part)
    result, code = await finish(settings, scan_id)

    assert code == 0
    assert result.scan.nodes == first.scan.nodes
    assert result.scan.nodes["unchanged" if mode == "delta" else "refreshed"]
    assert await rows_of(settings, scan_id) == await rows_of(alone, first.scan.scan_id)
    assert await Store(LocalFiles(settings.store.location)).verify(scan_id) == []
    assert await names(settings, ScanNames(scan_id).thin) == []


async def test_each_earlier_segment_is_read_once_however_many_workers_there_are(settings, reads):
    earlier = await names(settings, "scans/")
    scan_id = await begin(structs.replace(settings, mode="delta"))
    for part in PARTS * 2:
        await work(settings, scan_id, part)
    patches = {name: reads[name] for name in earlier if "/patches/" in name}
    await finish(settings, scan_id)

    assert len(patches) > len(PARTS)
    assert set(patches.values()) == {1}


async def test_a_second_round_of_the_workers_leaves_nothing_to_the_end(simulator, settings):
    scan_id = await begin(structs.replace(settings, mode="delta"))
    store = Store(LocalFiles(settings.store.location))
    left = []
    for part in PARTS * 2:
        await work(settings, scan_id, part)
        left.append(sum((await store.join_scan(scan_id).left_nodes()).segments().values()))
    nodes = len(simulator.truth().nodes)

    assert 0 < left[0] < left[1] < nodes  # the rows of none were taken over before all were read
    assert left[1:] == sorted(left[1:], reverse=True)
    assert left[-1] == 0


async def test_a_worker_that_is_run_again_asks_for_no_node_that_waits_for_its_rows(simulator, settings):
    scan_id = await begin(structs.replace(settings, mode="delta"))
    await work(settings, scan_id, "0/2")
    asked = []
    simulator.watch(lambda call: asked.append(call.operation))
    await work(settings, scan_id, "0/2")

    assert LISTING not in asked


async def test_one_process_can_go_on_where_nodes_wait_for_their_rows(simulator, settings):
    scan_id = await begin(structs.replace(settings, mode="delta"))
    await work(settings, scan_id, "0/2")
    result = await scan(structs.replace(settings, mode="delta"), resume=scan_id)

    assert result.scan.status == "complete"
    assert result.scan.nodes["unchanged"] == len(simulator.truth().nodes)
    assert result.scan.patch_rows == simulator.truth().patch_rows


async def test_nodes_whose_earlier_segment_is_gone_are_named_and_the_others_have_their_rows(simulator, settings):
    scan_id = await begin(structs.replace(settings, mode="delta"))
    for part in PARTS:
        await work(settings, scan_id, part)
    (earlier,) = await Store(LocalFiles(settings.store.location)).committed()
    left = await Store(LocalFiles(settings.store.location)).join_scan(scan_id).left_nodes()
    lost = next(
        name for name in await names(settings, ScanNames(earlier).segments) if name in next(iter(left.segments()))
    )
    await LocalFiles(settings.store.location).delete([lost])
    result, code = await finish(settings, scan_id)

    assert code == 3
    assert 0 < result.scan.nodes["failed"] < len(simulator.truth().nodes)
    assert result.scan.nodes["failed"] + result.scan.nodes["unchanged"] == len(simulator.truth().nodes)
    assert all(lost in gap.reason for gap in result.node_gaps)


async def test_waiting_nodes_that_are_lost_are_missed_and_read_again(simulator, settings):
    scan_id = await begin(structs.replace(settings, mode="delta"))
    await work(settings, scan_id, "0/2")
    thin = await names(settings, ScanNames(scan_id).thin)
    await LocalFiles(settings.store.location).delete(thin[:1])
    await work(settings, scan_id, "0/2")
    await work(settings, scan_id, "1/2")
    result, code = await finish(settings, scan_id)

    assert (code, result.scan.nodes["unchanged"]) == (0, len(simulator.truth().nodes))
    assert result.scan.patch_rows == simulator.truth().patch_rows
