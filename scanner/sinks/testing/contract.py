"""What every sink has to do, as tests: inherit a contract in a test module and say how the sink is made and read.

Inherit `SinkContract` for a sink that shows nothing before the commit, and `StreamContract` for one that is fed while
nodes arrive. pytest runs the tests that come with it:

class TestMySink(SinkContract):
    keeps_history = True

    def make(self, place, scan_id):
        return MySink(place / "data", scan_id)

    def read(self, place):
        return {"patches": …, "nodes": …, "targets": …, "scans": …}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import anyio
import pyarrow as pa
from anyio.lowlevel import checkpoint

from scanner.core.column import FLAG, TEXT, Column
from scanner.core.columns import DICTIONARY
from scanner.core.interfaces import NodeBatch, ProbedSink, Sink
from scanner.core.tables import TABLES
from scanner.sinks.testing.later_version import add_column, with_column
from scanner.sinks.testing.samples import SampleScan, awkward_scan, empty_scan, large_scan

if TYPE_CHECKING:
    import pytest

Tables = Mapping[str, pa.Table]

FIRST = "20261123T210000Z-0000aa"
SECOND = "20261124T210000Z-0000bb"


class StreamContract:
    """Holds for every sink, also for one that is fed while nodes arrive (`live`)."""

    def make(self, place: Path, scan_id: str) -> Sink:
        """Returns a sink for one scan. `place` is the test's own folder, the same one for every sink of a test."""
        raise NotImplementedError

    def read(self, place: Path) -> Tables:
        """Returns all that a reader sees, by table, rows in any order; types as in `scanner.core.tables.TABLES`."""
        raise NotImplementedError

    def test_a_committed_scan_is_there_to_the_last_null_and_double(self, tmp_path: Path) -> None:
        self.publish(tmp_path, awkward_scan(FIRST))
        self.expect(tmp_path, awkward_scan(FIRST))

    def test_a_node_with_ten_thousand_patches_is_there_whole(self, tmp_path: Path) -> None:
        self.publish(tmp_path, large_scan(FIRST))
        self.expect(tmp_path, large_scan(FIRST))

    def test_an_empty_scan_has_its_scan_and_its_targets(self, tmp_path: Path) -> None:
        self.publish(tmp_path, empty_scan(FIRST))
        self.expect(tmp_path, empty_scan(FIRST))

    def test_closing_a_sink_that_was_never_used_is_no_error(self, tmp_path: Path) -> None:
        anyio.run(self.make(tmp_path, FIRST).aclose)

    def test_trying_the_sink_leaves_what_is_there_as_it_was(self, tmp_path: Path) -> None:
        """Passes without a `probe`, which is optional."""
        self.publish(tmp_path, awkward_scan(FIRST))
        before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
        anyio.run(self._try_out, tmp_path)
        assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before

    def publish(self, place: Path, scan: SampleScan) -> None:
        """Writes, commits and closes."""
        anyio.run(self._publish, place, scan)

    def expect(self, place: Path, *scans: SampleScan) -> None:
        """Compares what a reader sees with these scans and nothing else."""
        seen = self.read(place)
        for name, schema in TABLES.items():
            tables = [schema.empty_table(), *(scan.tables[name] for scan in scans)]
            _expect_rows(name, seen.get(name, schema.empty_table()), pa.concat_tables(tables))

    async def _try_out(self, place: Path) -> None:
        sink = self.make(place, SECOND)
        try:
            if isinstance(sink, ProbedSink):
                await sink.probe()
        finally:
            await sink.aclose()

    async def _publish(self, place: Path, scan: SampleScan) -> None:
        sink = self.make(place, scan.summary.scan.scan_id)
        try:
            await _write(sink, scan.batches)
            await sink.commit(scan.summary)
        finally:
            await sink.aclose()


class SinkContract(StreamContract):
    """Holds besides for a sink that shows nothing before the commit (`live` is False)."""

    #: Whether scans lie beside each other, or a scan takes the place of the one before.
    keeps_history: ClassVar[bool] = True

    def test_nothing_is_visible_before_the_commit(self, tmp_path: Path) -> None:
        async def look_before_commit() -> None:
            sink = self.make(tmp_path, FIRST)
            await _write(sink, awkward_scan(FIRST).batches)
            self.expect(tmp_path)
            await sink.aclose()

        anyio.run(look_before_commit)

    def test_trying_a_new_sink_leaves_no_trace(self, tmp_path: Path) -> None:
        anyio.run(self._try_out, tmp_path)
        left = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")]
        assert not left, f"the sink left {left}"

    def test_a_scan_that_broke_off_and_is_sent_again_from_its_first_batch_is_there_once(self, tmp_path: Path) -> None:
        self._abandon(tmp_path, awkward_scan(FIRST))
        self.publish(tmp_path, awkward_scan(FIRST))
        self.expect(tmp_path, awkward_scan(FIRST))

    def test_what_an_earlier_version_wrote_takes_a_scan_with_more_columns(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Holds that columns are added to tables from version to version, never renamed or removed."""
        self.publish(tmp_path, awkward_scan(FIRST))
        columns_before = DICTIONARY["nodes"].columns
        added: dict[str, tuple[pa.DataType, str | bool]] = {"added_text": (TEXT, "new"), "added_flag": (FLAG, True)}
        later = awkward_scan(SECOND)
        for name, (kind, value) in added.items():
            add_column(monkeypatch, "nodes", Column(name, "A column that a later version has.", kind))
            later = with_column(later, name, value)
        self.publish(tmp_path, later)
        nodes = self.read(tmp_path)["nodes"]
        for name, (_, value) in added.items():
            values = dict(zip(nodes["scan_id"].to_pylist(), nodes[name].to_pylist(), strict=True))
            assert values == {**({FIRST: None} if self.keeps_history else {}), SECOND: value}
        assert {column.name for column in columns_before} < set(nodes.schema.names)

    def test_closing_without_a_commit_leaves_no_trace(self, tmp_path: Path) -> None:
        self._abandon(tmp_path, awkward_scan(FIRST))
        left = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")]
        assert not left, f"the sink left {left}"

    def test_closing_without_a_commit_leaves_earlier_scans_as_they_were(self, tmp_path: Path) -> None:
        self.publish(tmp_path, awkward_scan(FIRST))
        self._abandon(tmp_path, large_scan(SECOND))
        self._abandon(tmp_path, large_scan(FIRST))
        self.expect(tmp_path, awkward_scan(FIRST))

    def test_a_cancelled_sink_leaves_earlier_scans_as_they_were(self, tmp_path: Path) -> None:
        async def be_cancelled() -> None:
            sink = self.make(tmp_path, SECOND)
            with anyio.CancelScope() as scope:
                try:
                    await _write(sink, large_scan(SECOND).batches)
                    scope.cancel()
                    await _write(sink, large_scan(SECOND).batches)
                    await checkpoint()
                finally:
                    with anyio.CancelScope(shield=True):
                        await sink.aclose()

        self.publish(tmp_path, awkward_scan(FIRST))
        anyio.run(be_cancelled)
        self.expect(tmp_path, awkward_scan(FIRST))

    def test_publishing_a_scan_twice_leaves_it_there_once(self, tmp_path: Path) -> None:
        self.publish(tmp_path, awkward_scan(FIRST))
        self.publish(tmp_path, awkward_scan(FIRST))
        self.expect(tmp_path, awkward_scan(FIRST))

    def test_publishing_a_scan_again_replaces_what_it_said_before(self, tmp_path: Path) -> None:
        self.publish(tmp_path, awkward_scan(FIRST))
        self.publish(tmp_path, large_scan(FIRST))
        self.expect(tmp_path, large_scan(FIRST))
        self.publish(tmp_path, empty_scan(FIRST))
        self.expect(tmp_path, empty_scan(FIRST))

    def test_the_next_scan_stands_beside_the_one_before_or_takes_its_place(self, tmp_path: Path) -> None:
        self.publish(tmp_path, awkward_scan(FIRST))
        self.publish(tmp_path, large_scan(SECOND))
        self.publish(tmp_path, awkward_scan(SECOND))
        kept = [awkward_scan(FIRST)] if self.keeps_history else []
        self.expect(tmp_path, *kept, awkward_scan(SECOND))

    def _abandon(self, place: Path, scan: SampleScan) -> None:
        async def write_and_close() -> None:
            sink = self.make(place, scan.summary.scan.scan_id)
            await _write(sink, scan.batches)
            await sink.aclose()

        anyio.run(write_and_close)


async def _write(sink: Sink, batches: Sequence[NodeBatch]) -> None:
    for batch in batches:
        await sink.write(batch)


def _expect_rows(name: str, seen: pa.Table, wanted: pa.Table) -> None:
    assert set(seen.schema.names) == set(wanted.schema.names), f"{name} has the columns {seen.schema.names}"
    rows = Counter(map(repr, seen.select(wanted.schema.names).to_pylist()))
    rows.subtract(map(repr, wanted.to_pylist()))
    wrong = [f"{'missing' if count < 0 else 'too many'} ({abs(count)}): {row}" for row, count in rows.items() if count]
    assert not wrong, "\n".join([f"{name} has {len(wrong)} wrong rows, such as", *wrong[:3]])
