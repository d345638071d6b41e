from __future__ import annotations

import pytest

from scanner.core.errors import StoreError
from scanner.files.local import LocalFiles
from scanner.files.write_test import probe, probe_store
from tests.store.memory_files import MemoryFiles
from tests.store.places import every_place


@every_place
async def test_a_place_that_works_is_left_as_it_was(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        await files.put("scans/kept.json", b"{}")

        await probe(files)

        assert await files.names() == ["scans/kept.json"]


async def test_a_folder_that_was_not_there_is_not_there_afterwards(tmp_path):
    await probe(LocalFiles(tmp_path / "new"))

    assert list(tmp_path.iterdir()) == []


async def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(StoreError, match="file"):
        await probe(LocalFiles(tmp_path / "file"))


async def test_a_place_that_forgets_is_an_error_and_is_tidied_all_the_same():
    class Forgetful(MemoryFiles):
        async def get(self, name):
            return None

    files = Forgetful()

    with pytest.raises(StoreError, match="does not return"):
        await probe(files)
    assert await files.names() == []


async def test_a_place_that_cannot_be_listed_is_an_error_and_is_tidied_all_the_same():
    class Unlistable(MemoryFiles):
        async def names(self, prefix=""):
            raise StoreError("ListBucket is denied")

    files = Unlistable()

    with pytest.raises(StoreError, match="ListBucket"):
        await probe_store(files)
    assert await MemoryFiles.names(files) == []
