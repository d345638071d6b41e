"""The JSON files of a store."""

from __future__ import annotations

import pytest

from scanner.core.errors import StoreError
from scanner.core.scan_request import request_of
from scanner.core.settings import Settings
from scanner.store.json_files import from_json, to_json
from scanner.store.manifest import FORMAT, FileEntry, Manifest, ScanHeader, SegmentEntry
from tests.store.samples import NOBODY, header, scan_row, secret_settings


def test_a_manifest_comes_back_as_it_was_written():
    manifest = Manifest(
        scan_row(NOBODY, {"verified": 2}), (SegmentEntry("s", "ab", 1, nodes=2, patch_rows=3),), FileEntry("t", "cd", 4)
    )
    assert from_json(to_json(manifest), Manifest, "manifest.json") == manifest


def test_a_header_comes_back_as_it_was_written():
    written = header(NOBODY, Settings(mode="delta"))
    assert from_json(to_json(written), ScanHeader, "scan.json") == written


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"scan_id": 3}', b'{"scan_id": "x", "started_at": 1']
)
def test_a_damaged_file_is_named(data):
    with pytest.raises(StoreError, match=r"the/manifest.json is damaged"):
        from_json(data, Manifest, "the/manifest.json")


@pytest.mark.parametrize("nested", [b"[" * 100_000, b'{"scan":' * 100_000, b'{"scan_id": "' + b"\xed\xa0\x80" + b'"}'])
def test_bytes_that_would_crash_a_decoder_are_damage(nested):
    with pytest.raises(StoreError, match=r"the/manifest.json is damaged"):
        from_json(nested, Manifest, "the/manifest.json")


def test_a_later_format_is_refused_with_the_way_to_read_it_even_where_nothing_else_is_known_of_it():
    later = b'{"format": %d, "all": "new"}' % (FORMAT + 1)
    sentence = f"^s/manifest.json has store format {FORMAT + 1}, .* reads formats 1 to {FORMAT}: upgrade patchsweep$"
    with pytest.raises(StoreError, match=sentence):
        from_json(later, Manifest, "s/manifest.json")


def test_members_that_this_version_does_not_know_are_ignored():
    class Extended(Manifest, frozen=True):
        encrypted_with: str = "a key"

    extended = Extended(scan_row(NOBODY, {"verified": 2}), (), FileEntry("t", "cd", 4))
    assert from_json(to_json(extended), Manifest, "manifest.json").scan == extended.scan


def test_no_secret_gets_into_a_header():
    request = request_of(secret_settings())
    assert b"hush" not in to_json(header(NOBODY, secret_settings()))
    assert request.scope.has_external_id
    assert request.sinks == ("postgresql://me:***@db/patches", "postgresql://db/x?password=***&sslmode=require")


def test_a_password_with_slashes_and_at_signs_does_not_get_into_a_header():
    assert request_of(Settings(sinks=("postgresql://me:hush/hush@hush@db/x",))).sinks == ("postgresql://me:***@db/x",)


@pytest.mark.parametrize(
    "sink", ["postgresql://db:5432/x?user=a@b", "jsonl:-", "parquet:s3://bucket/a:b", "csv:/a@b:c/d"]
)
def test_a_sink_without_a_password_is_kept_as_it_is(sink):
    assert request_of(Settings(sinks=(sink,))).sinks == (sink,)
