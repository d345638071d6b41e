"""What every `Files` promises, over each kind of them."""

from __future__ import annotations

from tests.store.places import every_place

pytestmark = every_place


async def test_what_was_put_is_what_is_got(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        await files.put("a/b.bin", b"\x00\xff" * 100_000)
        assert await files.get("a/b.bin") == b"\x00\xff" * 100_000


async def test_an_empty_file_is_not_an_absent_one(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        await files.put("empty", b"")
        assert await files.get("empty") == b""
        assert await files.get("absent") is None
        assert await files.get("absent/too") is None


async def test_a_put_replaces_the_whole_of_what_stood_there(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        await files.put("name", b"long, old")
        await files.put("name", b"new")
        assert await files.get("name") == b"new"
        assert await files.names() == ["name"]


async def test_names_are_sorted_and_match_a_prefix_cut_anywhere(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        for name in ("scans/b/2", "scans/b/1", "scans/a/1", "scans-of-old/1", "latest.json"):
            await files.put(name, b"x")
        assert await files.names() == ["latest.json", "scans-of-old/1", "scans/a/1", "scans/b/1", "scans/b/2"]
        assert await files.names("scans/") == ["scans/a/1", "scans/b/1", "scans/b/2"]
        assert await files.names("scans/b") == ["scans/b/1", "scans/b/2"]
        assert await files.names("scans/b/2") == ["scans/b/2"]
        assert await files.names("nothing/here") == []


async def test_an_unused_place_has_no_names(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        assert await files.names() == []


async def test_deleting_takes_only_what_is_named_and_may_be_repeated(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        for name in ("a/1", "a/2", "b/1"):
            await files.put(name, b"x")
        await files.delete(["a/1", "b/1", "never/was"])
        await files.delete(["a/1"])
        await files.delete([])
        assert await files.names() == ["a/2"]


async def test_names_with_spaces_and_letters_of_any_script_work(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        await files.put("Größe (1) = ü.txt", b"x")
        assert await files.names() == ["Größe (1) = ü.txt"]
        await files.delete(["Größe (1) = ü.txt"])
        assert await files.names() == []


async def test_a_range_is_that_part_of_a_file_as_far_as_there_is_one(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        await files.put("a/b.bin", bytes(range(200)))
        assert await files.get_range("a/b.bin", 0, 4) == bytes([0, 1, 2, 3])
        assert await files.get_range("a/b.bin", 190, 10) == bytes(range(190, 200))
        assert await files.get_range("a/b.bin", 190, 1_000) == bytes(range(190, 200))
        assert await files.get_range("a/b.bin", 200, 10) == b""
        assert await files.get_range("absent", 0, 4) is None


async def test_sizes_are_those_of_the_files_below_a_prefix(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        await files.put("scans/a/1", b"x" * 10)
        await files.put("scans/a/2", b"")
        await files.put("scans/b", b"xy")
        assert await files.sizes("scans/a/") == {"scans/a/1": 10, "scans/a/2": 0}
        assert await files.sizes("nothing/here") == {}


async def test_folders_are_the_next_part_of_the_names_that_go_on(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        for name in ("scans/b/2", "scans/b/deep/1", "scans/a/1", "scans/file", "scans-of-old/1", "latest.json"):
            await files.put(name, b"x")
        assert await files.folders("scans/") == ["a", "b"]
        assert await files.folders() == ["scans", "scans-of-old"]
        assert await files.folders("nothing/here/") == []


async def test_a_folder_that_lost_its_last_file_is_none(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        await files.put("scans/a/1", b"x")
        await files.delete(["scans/a/1"])
        assert await files.folders("scans/") == []
