"""Files of a store damaged by hand: each is found and named, and no command takes it for data."""

from __future__ import annotations

import json
import shutil

import anyio
import pytest
from msgspec import structs

from scanner.simulator.generate.build import make_world
from tests.cli.running import run
from tests.faults.worlds import assert_is_the_truth, organization, scan, settings_for, stored

WORLD = make_world(accounts=1, regions=2, nodes=12, rows=40)


@pytest.fixture(scope="module")
def two_scans(tmp_path_factory):
    """A store with two committed scans, and the patch rows of each."""
    folder = tmp_path_factory.mktemp("damage") / "store"
    with organization(WORLD) as simulator:
        for _ in range(2):
            anyio.run(scan, settings_for(folder, WORLD))
        return folder, simulator.truth().patch_rows


@pytest.fixture
def store(two_scans, tmp_path):
    return shutil.copytree(two_scans[0], tmp_path / "store"), two_scans[1]


def flip(data, where):
    return data[:where] + bytes([data[where] ^ 1]) + data[where + 1 :]


DAMAGES = {
    "a byte in the middle is flipped": lambda data: flip(data, len(data) // 2),
    "a byte near the end is flipped": lambda data: flip(data, len(data) - 12),
    "it is cut in half": lambda data: data[: len(data) // 2],
    "it is empty": lambda _: b"",
    "it is full of zeros": lambda data: bytes(len(data)),
}
FILES = ("segments/*", "targets-*.parquet", "manifest.json", "scan.json")


def of_first_scan(folder, pattern):
    first = min((folder / "scans").iterdir())
    return first.name, min(first.glob(pattern))


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("pattern", FILES)
def test_a_damaged_file_of_an_older_scan_is_found_and_never_read_as_data(pattern, damage, store):
    folder, rows = store
    scan_id, path = of_first_scan(folder, pattern)
    path.write_bytes(damage(path.read_bytes()))

    verified = run("scans", "verify", "--store", str(folder))
    sql = "SELECT count(*) FROM patches WHERE instance_id IN (SELECT instance_id FROM nodes)"
    asked = run("query", sql, "--scan", scan_id, "--store", str(folder), "--format", "csv")

    assert verified.code == 1
    assert [path.name in line for line in verified.stdout.splitlines()] == [True, False]
    assert "Traceback" not in verified.stderr + asked.stderr
    # A header says what was asked for, and is no part of what was found.
    if pattern == "scan.json":
        assert (asked.code, asked.stdout.split()[-1]) == (0, str(rows))
    else:
        assert asked.code != 0
        assert path.name in asked.stderr


@pytest.mark.parametrize("field", ["patch_rows", "started_at", "requests"])
def test_a_manifest_edited_by_hand_is_found(field, store):
    folder, _ = store
    scan_id, path = of_first_scan(folder, "manifest.json")
    manifest = json.loads(path.read_bytes())
    manifest["scan"][field] += 1
    path.write_text(json.dumps(manifest, indent=2) + "\n")

    verified = run("scans", "verify", scan_id, "--store", str(folder))

    assert verified.code == 1
    assert "manifest.json is damaged" in verified.stdout


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_pointer_is_found_and_nothing_goes_by_it(damage, store):
    folder, rows = store
    (folder / "latest.json").write_bytes(damage((folder / "latest.json").read_bytes()))

    verified = run("scans", "verify", "--store", str(folder))
    asked = run("query", "SELECT count(*) FROM patches", "--store", str(folder), "--format", "csv")

    assert (verified.code, "latest.json" in verified.stdout.splitlines()[-1]) == (1, True)
    assert (asked.code, asked.stdout.split()[-1]) == (0, str(rows))


def test_a_pointer_to_an_older_scan_is_found(store):
    folder, _ = store
    shutil.rmtree(max((folder / "scans").iterdir()))
    assert run("scans", "verify", "--store", str(folder)).code == 1


def test_a_damaged_scan_is_not_published(store, tmp_path):
    folder, _ = store
    scan_id, path = of_first_scan(folder, "segments/*")
    path.write_bytes(DAMAGES["a byte in the middle is flipped"](path.read_bytes()))

    ended = run("publish", scan_id, "--store", str(folder), "--sink", f"jsonl:{tmp_path / 'out'}")

    assert ended.code == 1
    assert path.name in ended.stderr
    assert not list((tmp_path / "out").glob("*.jsonl"))


async def test_a_damaged_segment_of_an_unfinished_scan_is_read_again(tmp_path):
    folder = tmp_path / "store"
    with organization(WORLD) as simulator:
        finished = await scan(settings_for(folder, WORLD))
        scan_id = finished.scan.scan_id
        (folder / "scans" / scan_id / "manifest.json").unlink()
        segment = min((folder / "scans" / scan_id / "segments").iterdir())
        segment.write_bytes(flip(segment.read_bytes(), 500))
        again = await scan(settings_for(folder, WORLD), resume=scan_id)
        assert any(segment.name in note for note in again.notes)
        assert_is_the_truth(await stored(folder, scan_id), simulator.truth())


def test_a_damaged_header_of_an_unfinished_scan_is_told_in_a_sentence(store):
    folder, _ = store
    scan_id, path = of_first_scan(folder, "scan.json")
    path.write_bytes(DAMAGES["a byte in the middle is flipped"](path.read_bytes()))
    path.with_name("manifest.json").unlink()

    ended = run("scan", "--resume", scan_id, "--store", str(folder))

    assert ended.code == 1
    assert "scan.json is damaged" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_manifest_is_listed_beside_the_other_scans(damage, store):
    folder, rows = store
    scan_id, path = of_first_scan(folder, "manifest.json")
    path.write_bytes(damage(path.read_bytes()))

    _, damaged, sound = run("scans", "--store", str(folder)).stdout.splitlines()

    assert damaged.split() == [scan_id, "damaged"]
    assert f"{rows}" in sound.replace(",", "")


@pytest.mark.parametrize("mode", ["full", "delta"])
@pytest.mark.parametrize("pattern", FILES[:-1])
async def test_a_scan_beside_damaged_ones_holds_the_truth(pattern, mode, tmp_path):
    folder = tmp_path / "store"
    with organization(WORLD) as simulator:
        first = await scan(settings_for(folder, WORLD))
        for path in (folder / "scans" / first.scan.scan_id).glob(pattern):
            path.write_bytes(flip(path.read_bytes(), path.stat().st_size // 2))
        again = await scan(structs.replace(settings_for(folder, WORLD), mode=mode))
        found = await stored(folder, again.scan.scan_id)
        truth = simulator.truth()
    if (mode, pattern) == ("delta", "targets-*.parquet"):
        # That file says nothing of nodes, so all of them were carried over.
        assert {node["status"] for node in found.nodes.values()} == {"unchanged"}
        assert [row for key in truth.nodes for row in found.patches[key]] == [tuple(row) for row in truth.patches()]
    else:
        assert_is_the_truth(found, truth)
