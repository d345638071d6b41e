"""Records of ended targets that are not whole: named, and never taken for targets that were read."""

from __future__ import annotations

from hashlib import sha256

from scanner.store.ended_targets import list_ended
from scanner.store.layout import ScanNames
from tests.store.memory_files import MemoryFiles

NAMES = ScanNames("20260101T000000Z-abcdef")


def named(data):
    return NAMES.ended_file(0, "0123abcd", sha256(data).hexdigest())


async def ignored(name, data):
    files = MemoryFiles()
    await files.put(name, data)
    ended = await list_ended(files, NAMES)
    assert ended.outcomes == []
    return [file.reason for file in ended.ignored]


async def test_a_file_that_is_named_otherwise_is_no_record():
    assert await ignored(f"{NAMES.ended}notes.txt", b"{}") == ["it is not named like a record of ended targets"]


async def test_a_record_whose_bytes_changed_is_named():
    (reason,) = await ignored(named(b"{}"), b'{"notes": ["another"]}')
    assert "torn or was changed" in reason


async def test_a_record_that_is_no_json_is_named():
    assert len(await ignored(named(b"[1"), b"[1")) == 1


async def test_a_record_that_is_gone_before_it_is_read_is_none():
    class Gone(MemoryFiles):
        async def get(self, name):
            return None

    files = Gone()
    await files.put(named(b"{}"), b"{}")
    ended = await list_ended(files, NAMES)
    assert (ended.outcomes, ended.ignored) == ([], [])
