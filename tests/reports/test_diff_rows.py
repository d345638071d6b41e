"""The rows of a difference are those of one plain SELECT, to the byte, whatever wrote the files."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from msgspec import structs

from scanner.core.model import NodeStatus, Target, TargetStatus
from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.scan_files import ScanFiles
from scanner.core.tables import segment_table, target_file_table
from scanner.files.local import LocalFiles
from scanner.reports.changed_rows.find import GROUP_ROWS
from scanner.reports.diff import ScanPair, paired_nodes
from scanner.reports.diff_rows import SCHEMA, open_changes
from scanner.reports.sql.query import open_views
from scanner.reports.sql.render import rendered
from scanner.store.segment_parts import encode_nodes, encode_patches
from scanner.store.segments import parquet_bytes
from scanner.store.store import Store
from tests.reports.plain_diff import PLAIN_CHANGES, plain_parameters
from tests.store.golden_store import COMPLETE, DELTA, PARTIAL, golden_copy
from tests.store.samples import STARTED_MS, node, older_segment, outcome, scan_row

pytestmark = pytest.mark.slow

BEFORE, AFTER = "20260921T141320Z-aaaaaa", "20260922T141320Z-bbbbbb"
PAIR = ScanPair(BEFORE, AFTER, STARTED_MS + 120_000)
TARGETS = [
    Target("111111111111", "eu-west-1"),
    Target("111111111111", "us-east-1"),
    Target("222222222222", "eu-west-1"),
]
STATES = ["Installed", "InstalledOther", "Missing", "Failed", "InstalledPendingReboot", "NotApplicable", "Novel"]
TITLES = [
    None,
    "",
    "v1",
    "v2, v3",
    "ü\x1b[2J",
    "=1+1",
    "a title of more cells than a column of a table has: " + "x" * 40,
]
STATUSES = [NodeStatus.VERIFIED] * 8 + [NodeStatus.REFRESHED, NodeStatus.UNCHANGED, NodeStatus.MISMATCHED]
UNREAD = [NodeStatus.DENIED, NodeStatus.NO_PATCH_DATA, NodeStatus.GONE]


def a_patch(random):
    return Patch(
        random.choice(["KB1", "KB2", "kernel", "ŏpenssl", ""]),
        random.choice(TITLES),
        "Security",
        random.choice(["Critical", "Low", None]),
        random.choice(STATES),
    )


def changed(patches, random):
    """The patches in another order, some of them in another state, gone, twice, or new."""
    kept = [each for each in patches if random.random() > 0.1]
    moved = [structs.replace(each, state=random.choice(STATES)) if random.random() < 0.2 else each for each in kept]
    return random.sample(moved, len(moved)) + [a_patch(random) for _ in range(random.randrange(3))] + moved[:1]


def scanned(number, patches, random):
    status = random.choice(STATUSES if random.random() < 0.9 else UNREAD)
    rows = patch_rows_of([] if status in UNREAD else patches)
    made = node(number // 2, status=status, target=TARGETS[number % len(TARGETS)])
    ended = structs.replace(made.state, operation_end_time=STARTED_MS - random.choice([1, 40]) * 86_400_000)
    named = structs.replace(made.node, computer_name=random.choice([None, "web", f"web-{number}"]))
    return structs.replace(made, patches=rows, state=ended, node=named)


def fleets(random):
    """The nodes of two scans; every other list of patches is the same in both."""
    lists = [[a_patch(random) for _ in range(random.randrange(9))] for _ in range(24)]
    before = [scanned(number, patches, random) for number, patches in enumerate(lists) if random.random() > 0.1]
    after = [
        scanned(number, patches if number % 2 else changed(patches, random), random)
        for number, patches in enumerate(lists)
        if random.random() > 0.1
    ]
    return random.sample(before, len(before)), random.sample(after, len(after))


def segments(scans, random):
    while scans:
        size = random.randrange(1, 9)
        yield scans[:size]
        scans = scans[size:]


def write(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


class Written:
    """Files of two scans: as they are written now, by the first release, or without a column of today."""

    def __init__(self, folder: Path, random: Random) -> None:
        self._folder = folder
        self._random = random
        self._kinds: dict[str, list[Path]] = {"nodes": [], "nested": [], "patches": [], "targets": []}

    def add(self, scan_id, scans):
        for number, some in enumerate(segments(scans, self._random)):
            self._add_segment(f"{scan_id}-{number}", scan_id, some)
        listed = [structs.replace(outcome(target), status=self._status()) for target in TARGETS]
        self._write("targets", f"{scan_id}-targets", parquet_bytes(target_file_table(scan_id, listed)))

    def files(self):
        rows = tuple(scan_row(scan_id, {}) for scan_id in (BEFORE, AFTER))
        return ScanFiles(rows, **{kind: tuple(paths) for kind, paths in self._kinds.items()})

    def _status(self):
        return self._random.choice([TargetStatus.SCANNED, TargetStatus.SCANNED, TargetStatus.DENIED])

    def _add_segment(self, name, scan_id, scans):
        form = self._random.choice(["flat", "flat", "nested", "older", "older nested"])
        table = (older_segment if "older" in form else segment_table)(scan_id, scans)
        if "nested" in form:
            self._write("nodes", name, parquet_bytes(table))
            self._kinds["nested"].append(self._kinds["nodes"][-1])
            return
        self._write("nodes", name, encode_nodes(table, None))
        patches = encode_patches(table)
        if patches is not None:
            self._write("patches", f"{name}-patches", patches)

    def _write(self, kind, name, data):
        self._kinds[kind].append(write(self._folder, f"{name}.parquet", data))


async def of_batches(table):
    for batch in table.to_batches():
        yield batch


async def plain(files, pair):
    async with open_views(files) as views:
        return await views.fetch(PLAIN_CHANGES, plain_parameters(pair))


async def in_groups(files, pair, group_rows):
    async with open_views(files) as views:
        paired = await paired_nodes(views, pair)
    async with open_changes(files, paired, pair.after, None, group_rows) as batches:
        return pa.Table.from_batches([batch async for batch in batches], SCHEMA)


async def assert_the_same(files, pair, group_rows=GROUP_ROWS, forms=("table", "json", "jsonl", "csv")):
    expected = await plain(files, pair)
    found = await in_groups(files, pair, group_rows)

    assert found.to_pylist() == expected.to_pylist()
    for form in forms:
        texts = [[piece async for piece in rendered(SCHEMA, of_batches(each), form)] for each in (found, expected)]
        assert "".join(texts[0]) == "".join(texts[1])
    return found


@pytest.mark.parametrize("group_rows", [1, 20, GROUP_ROWS])
@pytest.mark.parametrize("seed", range(4))
async def test_generated_scans_give_the_rows_of_the_plain_select(seed, group_rows, tmp_path):
    random = Random(seed)
    written = Written(tmp_path, random)
    for scan_id, scans in zip((BEFORE, AFTER), fleets(random), strict=True):
        written.add(scan_id, scans)

    found = await assert_the_same(written.files(), PAIR, group_rows)

    assert {"changed", "node_status"} <= set(found.column("change").to_pylist())


async def test_a_table_of_many_batches_is_the_same_to_the_byte(tmp_path):
    def scans(state, title):
        rows = [Patch(f"KB{row}", f"{title}{row}", "Security", "Low", state) for row in range(3_000)]
        return [scanned_whole(number, rows) for number in range(8)]

    def scanned_whole(number, rows):
        return structs.replace(node(number, target=TARGETS[0]), patches=patch_rows_of(rows))

    written = Written(tmp_path, Random(1))
    written.add(BEFORE, scans("Missing", "a"))
    written.add(AFTER, scans("Installed", "a longer title of "))

    found = await assert_the_same(written.files(), PAIR, forms=["table"])

    assert found.num_rows == 24_000


@pytest.mark.parametrize(("before", "after"), [(COMPLETE, PARTIAL), (PARTIAL, DELTA), (DELTA, COMPLETE)])
async def test_scans_of_a_released_version_give_the_rows_of_the_plain_select(before, after, tmp_path):
    store = Store(LocalFiles(golden_copy(tmp_path / "store").folder))
    async with store.local_copy([before, after]) as files:
        await assert_the_same(files, ScanPair(before, after, STARTED_MS))


async def test_two_scans_without_patches_have_no_rows(tmp_path):
    written = Written(tmp_path, Random(1))
    for scan_id in (BEFORE, AFTER):
        written.add(scan_id, [structs.replace(node(1, patches=0), target=TARGETS[0])])

    assert (await assert_the_same(written.files(), PAIR)).num_rows == 0
