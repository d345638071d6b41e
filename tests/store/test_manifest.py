"""The JSON files of a store."""

from __future__ import annotations

import pytest

from scanner.core.errors import StoreError
from scanner.core.settings import Settings, settings_without_secrets
from scanner.store.manifest import FileEntry, Manifest, ScanHeader, SegmentEntry, from_json, to_json
from tests.store.samples import NOBODY, header, scan_row, secret_settings


def test_a_manifest_comes_back_as_it_was_written():
    manifest = Manifest(scan_row(NOBODY, {"verified": 2}), (SegmentEntry("s", "ab", 1, 2, 3),), FileEntry("t", "cd", 4))
    assert from_json(to_json(manifest), Manifest, "manifest.json") == manifest


def test_a_header_comes_back_as_it_was_written():
    written = header(NOBODY, Settings(mode="delta"))
    assert from_json(to_json(written), ScanHeader, "scan.json") == written


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"scan_id": 3}', b'{"scan_id": "x", "started_at": 1']
)
def test_a_damaged_file_is_named(data):
    with pytest.raises(StoreError, match=r"the/manifest.json is damaged or of another version"):
        from_json(data, Manifest, "the/manifest.json")


def test_a_later_format_is_refused():
    manifest = Manifest(scan_row(NOBODY, {}), (), FileEntry("t", "cd", 4))
    later = to_json(manifest).replace(b'"format": 1', b'"format": 2')
    with pytest.raises(StoreError, match="of another version"):
        from_json(later, Manifest, "manifest.json")


def test_no_secret_gets_into_a_header():
    clean = settings_without_secrets(secret_settings())
    assert b"hush" not in to_json(header(NOBODY, clean))
    assert clean.scope.role_name == "reader"
    assert clean.sinks == ("postgresql://me:***@db/patches", "postgresql://db/x?password=***&sslmode=require")


def test_a_password_with_slashes_and_at_signs_does_not_get_into_a_header():
    clean = settings_without_secrets(Settings(sinks=("postgresql://me:hush/hush@hush@db/x",)))
    assert clean.sinks == ("postgresql://me:***@db/x",)


@pytest.mark.parametrize(
    "sink", ["postgresql://db:5432/x?user=a@b", "jsonl:-", "parquet:s3://bucket/a:b", "csv:/a@b:c/d"]
)
def test_a_sink_without_a_password_is_kept_as_it_is(sink):
    assert settings_without_secrets(Settings(sinks=(sink,))).sinks == (sink,)
