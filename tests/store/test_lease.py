"""Two processes and one scan where the store has no locks: one holds it, and a late one destroys nothing."""

from __future__ import annotations

import errno
import fcntl

import anyio
import anyio.lowlevel
import msgspec
import pytest

from scanner.core.errors import StoreBusy, StoreError
from scanner.core.model import NodeStatus
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.store.json_files import to_json
from scanner.store.layout import ScanNames
from scanner.store.lease import LeaseLost, LeaseRecord
from scanner.store.store import Store
from tests.store.memory_files import MemoryFiles
from tests.store.places import every_place
from tests.store.samples import NOBODY, header, instance_ids, node, outcome, scan_row

pytestmark = pytest.mark.slow

LEASE = ScanNames(NOBODY).lease
ROW = scan_row(NOBODY, {"verified": 1})


@pytest.fixture
def no_locks(monkeypatch):
    """Folders lie on a file system without locks, as many network and FUSE mounts are."""

    def refused(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refused)


async def lease_in(files) -> LeaseRecord:
    return msgspec.json.decode(await files.get(LEASE), type=LeaseRecord)


async def begin_and_die(files, *nodes) -> None:
    """A process that is killed: its lease is neither renewed nor released."""
    async with Store(files).open_scan(NOBODY) as scan:
        await scan.begin(header(NOBODY))
        await scan.add_segment(segment_table(NOBODY, nodes or [node(1)]))
        held = await files.get(LEASE)
    await files.put(LEASE, held)


@every_place
async def test_a_scan_that_is_being_written_is_refused_with_its_owner_and_the_time_that_remains(
    open_place, tmp_path, s3_url, no_locks
):
    async with open_place(tmp_path, s3_url) as files:
        await begin_and_die(files)
        with pytest.raises(StoreBusy, match=r"is being written by process \d+ on .*; if it was killed, .* in \d\d s$"):
            async with Store(files).open_scan(NOBODY):
                pass
        assert (await lease_in(files)).generation == 1


@every_place
async def test_a_scan_is_held_by_a_lease_and_a_committed_one_has_none(open_place, tmp_path, s3_url, no_locks):
    async with open_place(tmp_path, s3_url) as files:
        async with Store(files).open_scan(NOBODY) as scan:
            await scan.begin(header(NOBODY))
            await scan.add_segment(segment_table(NOBODY, [node(1)]))
            assert (await lease_in(files)).lease_s == 60
            await scan.commit(ROW, [outcome()])
        assert await files.get(LEASE) is None
        assert await Store(files).verify(NOBODY) == []


async def test_a_lease_that_has_expired_is_taken_over_with_the_next_generation():
    files = MemoryFiles()
    await begin_and_die(files)
    files.age_s = 63.0
    async with Store(files).open_scan(NOBODY) as scan:
        assert (await lease_in(files)).generation == 2
        files.age_s = 0.0
        await scan.prepare_resume()
        await scan.commit(ROW, [outcome()])
    assert await Store(files).committed() == [NOBODY]


async def test_a_process_that_ends_by_itself_leaves_the_scan_to_others_at_once():
    files = MemoryFiles()
    async with Store(files).open_scan(NOBODY) as scan:
        await scan.begin(header(NOBODY))
        await scan.add_segment(segment_table(NOBODY, [node(1)]))
    async with Store(files).open_scan(NOBODY):
        assert (await lease_in(files)).generation == 2


async def test_a_lease_is_renewed_while_the_scan_is_written():
    files = MemoryFiles()
    async with Store(files, lease_s=0.02).open_scan(NOBODY):
        with anyio.fail_after(300):
            while (await lease_in(files)).renewal < 3:
                await anyio.lowlevel.checkpoint()


async def test_a_process_whose_scan_was_taken_over_ends_in_a_sentence():
    files = MemoryFiles()
    with pytest.raises(LeaseLost, match=r"was taken over by process 7 on other while this process could not renew"):  # noqa: PT012 - the error comes out of the whole block
        async with Store(files, lease_s=0.02).open_scan(NOBODY):
            await files.put(LEASE, to_json(LeaseRecord("process 7 on other", 2, 0, 60.0, 0)))
            await anyio.sleep(30)


async def test_a_lease_that_cannot_be_read_expires_like_any_other():
    files = MemoryFiles()
    await begin_and_die(files)
    files.held[LEASE] = b"\xff{"
    with pytest.raises(StoreBusy, match="is being written by an unknown process"):
        async with Store(files).open_scan(NOBODY):
            pass
    files.age_s = 63.0
    async with Store(files).open_scan(NOBODY):
        assert (await lease_in(files)).generation == 1


async def test_a_lease_on_a_folder_is_respected_by_a_machine_that_has_locks(tmp_path, monkeypatch):
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    files = LocalFiles(tmp_path)
    with monkeypatch.context() as without_locks:
        without_locks.setattr(fcntl, "flock", refused)
        await begin_and_die(files)
    with pytest.raises(StoreBusy, match="is being written by process"):
        async with Store(files).open_scan(NOBODY):
            pass


@every_place
async def test_a_late_committer_never_destroys_a_committed_scan(open_place, tmp_path, s3_url, no_locks):
    """The first process is paused, the second takes the scan over and commits, then the first goes on."""
    async with open_place(tmp_path, s3_url) as files:
        store = Store(files)
        with pytest.raises(LeaseLost, match="was taken over by another process"):  # noqa: PT012 - the error comes out of the whole block
            async with store.open_scan(NOBODY) as late:
                await late.begin(header(NOBODY))
                await late.add_segment(segment_table(NOBODY, [node(1), node(2, status=NodeStatus.FAILED)]))
                await late.add_segment(segment_table(NOBODY, [node(1)]))
                await files.delete([LEASE])
                async with Store(files).open_scan(NOBODY) as second:
                    await second.prepare_resume()
                    await second.add_segment(segment_table(NOBODY, [node(2)]))
                    await second.commit(scan_row(NOBODY, {"verified": 2}), [outcome()])
                before = await files.names()
                await late.add_segment(segment_table(NOBODY, [node(3)]))
                await late.commit(scan_row(NOBODY, {"verified": 1}), [outcome()])
        assert await store.verify(NOBODY) == []
        assert sorted(await instance_ids(store.replay(NOBODY))) == ["i-0001", "i-0002"]
        assert set(before) <= set(await files.names())


@every_place
async def test_a_commit_right_after_that_of_another_process_is_refused(open_place, tmp_path, s3_url, no_locks):
    """The lease was checked, and the process was paused between the check and the manifest."""
    async with open_place(tmp_path, s3_url) as files:
        store = Store(files)
        with pytest.raises(StoreError, match="was committed by another process meanwhile: its commit stands"):  # noqa: PT012 - the error comes out of the whole block
            async with store.open_scan(NOBODY) as late:
                await late.begin(header(NOBODY))
                await late.add_segment(segment_table(NOBODY, [node(1)]))
                await files.put(ScanNames(NOBODY).manifest, b"of the other process")
                await late.commit(ROW, [outcome()])
        assert await files.get(ScanNames(NOBODY).manifest) == b"of the other process"
        assert not late.is_committed


@every_place
async def test_pruning_never_removes_a_scan_that_is_being_written(open_place, tmp_path, s3_url, no_locks):
    async with open_place(tmp_path, s3_url) as files:
        store = Store(files)
        newest = store.new_scan_id(1_790_000_000_000)
        async with store.open_scan(newest) as scan:
            await scan.begin(header(newest))
            await scan.commit(scan_row(newest, {}), [outcome()])
        async with Store(files).open_scan(NOBODY) as running:
            await running.begin(header(NOBODY))
            assert await store.prune(1) == []
            assert await store.unfinished() == [NOBODY]
            await running.add_segment(segment_table(NOBODY, [node(1)]))
        assert await store.prune(1) == [NOBODY]
        assert not [name for name in await files.names() if NOBODY in name]


class Unconditional(MemoryFiles):
    """As servers that speak S3 and ignore If-None-Match and If-Match."""

    async def put_if(self, name, data, version):
        await self.put(name, data)
        return "1"


async def test_a_store_that_ignores_conditions_is_found_out_by_the_write_test_and_still_commits():
    files = Unconditional()
    store = Store(files)
    assert not await store.test_writes()
    async with store.open_scan(NOBODY) as scan:
        await scan.begin(header(NOBODY))
        await scan.add_segment(segment_table(NOBODY, [node(1)]))
        assert LEASE not in files.held
        await scan.commit(ROW, [outcome()])
    assert await store.verify(NOBODY) == []
    assert await store.verify_latest() == []
    async with store.open_scan(NOBODY) as scan:
        with pytest.raises(StoreError, match="was committed by another process"):
            await scan.commit(ROW, [outcome()])


class RefusesConditions(MemoryFiles):
    """As servers that answer NotImplemented to a condition."""

    async def put_if(self, name, data, version):
        raise StoreError("NotImplemented (A header you provided implies functionality that is not implemented)")


async def test_a_store_that_refuses_conditions_is_one_that_ignores_them():
    files = RefusesConditions()
    assert not await Store(files).test_writes()
    assert files.held == {}


class MovesLatest(MemoryFiles):
    """Another scan is committed between the reading of `latest.json` and its writing."""

    def __init__(self, other):
        super().__init__()
        self._other = other

    async def put_if(self, name, data, version):
        if name == "latest.json" and self._other:
            other, self._other = self._other, None
            self.held[f"scans/{other}/manifest.json"] = b"{}"
            self.held[name] = b"names the other"
        return await super().put_if(name, data, version)


async def test_latest_never_moves_back():
    newer = "20270101T000000Z-aaaaaa"
    files = MovesLatest(newer)
    store = Store(files)
    async with store.open_scan(NOBODY) as scan:
        await scan.begin(header(NOBODY))
        await scan.commit(scan_row(NOBODY, {}), [outcome()])
    assert newer.encode() in files.held["latest.json"]
