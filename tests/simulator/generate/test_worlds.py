"""What the generators make is believable, and the same every time."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from msgspec import structs

from scanner.simulator.demo import DEMO_REGIONS, demo_world
from scanner.simulator.generate import advisories
from scanner.simulator.generate.build import AS_OF_S, make_world
from scanner.simulator.generate.packages import DAY_S, YEAR_ONE_S
from scanner.simulator.generate.patches import patches_of
from scanner.simulator.generate.platforms import PLATFORMS
from scanner.simulator.running.expected import truth
from scanner.simulator.running.state import WorldState


def _nodes(*platforms, nodes=12, rows=None, seed=0):
    world = make_world(accounts=1, regions=1, nodes=nodes, rows=rows, platforms=platforms, seed=seed)
    return next(iter(world.accounts.values())).regions["eu-west-1"].nodes


def _windows_rows(*, windows_cve_ids):
    nodes = (structs.replace(node, windows_cve_ids=windows_cve_ids) for node in _nodes("windows-2022", nodes=40))
    return [row for node in nodes for row in patches_of(node, 0, AS_OF_S).rows]


def test_windows_names_cve_ids_only_where_that_is_asked_for():
    without, with_ids = _windows_rows(windows_cve_ids=False), _windows_rows(windows_cve_ids=True)

    assert not any(row.cve_ids for row in without)
    assert {row.state for row in with_ids if row.cve_ids} == {"Missing", "Failed"}
    assert [row.kb_id for row in without] == [row.kb_id for row in with_ids]


def _rows(*platforms, **more):
    return [row for node in _nodes(*platforms, **more) for row in patches_of(node, 0, AS_OF_S).rows]


def test_the_same_seed_is_the_same_world_and_another_one_is_not():
    assert make_world(seed=1) == make_world(seed=1) != make_world(seed=2)


def test_nodes_are_dealt_out_evenly_and_have_ids_of_their_own():
    world = make_world(accounts=4, regions=3, nodes=121, rows=1)
    sizes = [len(region.nodes) for account in world.accounts.values() for region in account.regions.values()]
    assert set(sizes) == {10, 11}
    ids = [n.instance_id for a in world.accounts.values() for r in a.regions.values() for n in r.nodes]
    assert len(set(ids)) == world.node_count == 121


@pytest.mark.parametrize("platform", PLATFORMS)
def test_platforms_list_as_many_rows_as_in_the_field(platform):
    (node,) = _nodes(platform, nodes=1)
    assert len(patches_of(node, 0, AS_OF_S).rows) == pytest.approx(PLATFORMS[platform].rows, rel=0.15)


@pytest.mark.parametrize("rows", [1, 10, 60, 1000])
def test_worlds_can_be_smaller_or_larger_than_life(rows):
    sizes = [len(patches_of(node, 0, AS_OF_S).rows) for node in _nodes(*PLATFORMS, rows=rows)]
    assert all(0.8 * rows <= size <= 1.2 * rows + 12 for size in sizes)


def test_cve_ids_stand_on_missing_and_failed_rows_only_and_never_on_ubuntu():
    rows = _rows("amazon-linux-2023", "rhel-9", nodes=40, rows=200)
    with_cves = Counter(row.state for row in rows if row.cve_ids)
    assert with_cves.keys() == {"Missing", "Failed"}
    assert not any(row.cve_ids for row in _rows("ubuntu-24.04", rows=200))


def test_cve_ids_come_in_no_order():
    joined = {row.cve_ids for row in _rows("rhel-9", nodes=40, rows=200) if row.cve_ids and "," in row.cve_ids}
    assert any(ids.split(",") != sorted(ids.split(",")) for ids in joined)


def test_windows_leaves_out_what_windows_leaves_out():
    rows = _rows("windows-2019", nodes=4)
    for row in rows:
        if row.state in ("InstalledOther", "NotApplicable"):
            assert (row.title, row.classification, row.severity) == ("", "", "")
        assert row.kb_id.startswith("KB")
        assert row.installed_time % DAY_S == 0
    times = Counter((row.state, row.installed_time) for row in rows)
    assert times["InstalledOther", YEAR_ONE_S] > 10
    assert times["NotApplicable", 0.0] > 1000
    assert any(row.state == "Installed" and "Cumulative Update" in row.title for row in rows)


def test_kernels_share_an_id_on_rpm_platforms():
    (node,) = _nodes("amazon-linux-2023", nodes=1)
    kernels = [row for row in patches_of(node, 0, AS_OF_S).rows if row.kb_id == "kernel.x86_64"]
    assert len({row.title for row in kernels}) >= 3


def test_linux_rows_name_package_architecture_and_version():
    for row in _rows("rhel-9", nodes=1):
        assert row.title.startswith(f"{row.kb_id}:")
        assert row.title.count(":") == 2
    for row in _rows("ubuntu-22.04", nodes=1):
        assert row.title.startswith(f"{row.kb_id}:")


def test_a_patching_operation_installs_what_it_can():
    for node in _nodes("rhel-9", nodes=20, rows=100):
        after = patches_of(node, 1, AS_OF_S)
        assert after.rows != patches_of(node, 0, AS_OF_S).rows
        assert after.by_state["Missing"] == 0


@pytest.mark.slow
def test_the_demonstration_has_one_of_everything():
    found = truth(WorldState(demo_world(as_of_s=AS_OF_S)))
    nodes = Counter(node.status.value for node in found.nodes.values())
    targets = Counter(target.status.value for target in found.targets.values())
    others = {"summary_only", "stopped", "unmanaged", "service_managed"}
    assert nodes.keys() == {"verified", "mismatched", "gone", "denied", "no_patch_data", *others}
    assert targets.keys() == {"scanned", "denied", "disabled"}
    platforms = {node.columns.get("platform_name") for node in found.nodes.values()} - {None}
    assert platforms == {platform.name for platform in PLATFORMS.values()}
    assert any(instance_id.startswith("mi-") for _, _, instance_id in found.nodes)


@pytest.mark.slow
def test_the_demonstration_is_large_enough_to_look_at_and_small_enough_to_wait_for():
    found = truth(WorldState(demo_world(as_of_s=AS_OF_S)))
    assert 300 < len(found.nodes) < 2_000
    assert 100_000 < found.patch_rows < 250_000
    pages = Counter()
    for (account_id, region, _), node in found.nodes.items():
        pages[account_id, region] += max(1, -(-node.patch_rows // 50))
    assert 3_000 < pages.total() < 6_000
    assert max(pages.values()) < 300


@pytest.mark.slow
def test_the_demonstration_lacks_critical_fixes_of_known_vulnerabilities():
    lacking = [
        row for row in truth(WorldState(demo_world(as_of_s=AS_OF_S))).patches() if row.state in ("MISSING", "FAILED")
    ]
    critical = {cve for row in lacking if row.severity == "Critical" for cve in row.cve_ids}
    assert critical & {cve for advisory in advisories.RPM for cve in advisory.cve_ids}
    assert "CVE-2025-59287" not in critical  # of Windows


def test_the_demonstration_is_as_of_last_midnight():
    world = demo_world()
    midnight = datetime.fromtimestamp(world.as_of_s, UTC)
    assert (midnight.hour, midnight.minute, midnight.second) == (0, 0, 0)
    assert (datetime.now(UTC) - midnight).days == 0
    assert world.home_region == DEMO_REGIONS[0]


def test_a_truth_can_be_narrowed_to_accounts_regions_and_states():
    world = make_world(accounts=3, regions=3, nodes=18, rows=50)
    account = list(world.accounts)[1]
    found = truth(WorldState(world), accounts=[account], regions=["us-east-1", "eu-south-2"], states=["MISSING"])
    assert {key: target.status.value for key, target in found.targets.items()} == {
        (account, "us-east-1"): "scanned",
        (account, "eu-south-2"): "disabled",
    }
    assert len(found.nodes) == 2
    rows = list(found.patches())
    assert {row.state for row in rows} <= {"MISSING"}
    assert len(rows) == found.patch_rows == found.targets[account, "us-east-1"].patch_rows


def test_the_truth_words_rows_as_the_tables_do():
    found = truth(WorldState(make_world(accounts=1, regions=1, nodes=12, rows=300)))
    rows = list(found.patches())
    assert not {""} & {value for row in rows for value in (row.title, row.classification, row.severity)}
    assert all(row.installed_time is None or row.installed_time > 10**12 for row in rows)
    assert all(list(row.cve_ids) == sorted(set(row.cve_ids)) for row in rows)
    assert {row.state for row in rows} >= {"INSTALLED", "INSTALLED_OTHER", "MISSING", "NOT_APPLICABLE"}


@pytest.mark.parametrize("platform", ["windows-2022", "ubuntu-22.04", "amazon-linux-2023"])
def test_a_scan_that_misses_newer_updates_changes_rows_and_no_count(platform):
    nodes = _nodes(platform)
    state = WorldState(make_world(accounts=1, regions=1, nodes=12, platforms=(platform,)))
    before = {node: (state.patches(node), state.patch_state(*_HOME, node)) for node in nodes}

    for node in nodes:
        state.supersede(node)

    assert any(state.patches(node).rows != patches.rows for node, (patches, _) in before.items())
    for node, (patches, old) in before.items():
        new = state.patch_state(*_HOME, node)
        assert Counter(row.state for row in state.patches(node).rows) == Counter(row.state for row in patches.rows)
        kept = [row for row in patches.rows if row.state != "Missing"]
        assert [row for row in state.patches(node).rows if row.state != "Missing"] == kept
        assert new.operation_end_time > old.operation_end_time
        assert new.last_no_reboot_install_operation_time == old.last_no_reboot_install_operation_time
        assert new.snapshot_id != old.snapshot_id
        assert new.operation == "Scan"


_HOME = ("111122223000", "eu-west-1")
