"""Each feed is read in its published format, and a file that is something else is refused in one sentence."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from contextlib import suppress
from datetime import date
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.errors import ConfigError
from scanner.reports.feeds.bounded import Bounds, UnreadableError, read_documents, read_whole
from scanner.reports.feeds.dpkg import compare_dpkg
from scanner.reports.feeds.epss import read_epss
from scanner.reports.feeds.feed import FeedKind
from scanner.reports.feeds.kev import read_kev
from scanner.reports.feeds.msrc import MsrcReader, superseded_kbs
from scanner.reports.feeds.osv import OsvReader
from tests.reports.feeds.samples import KEV_CSV, affected, epss, kev, msrc, osv, remediation, tarred, zipped

CVE = "CVE-2026-12345"
BOM = b"\xef\xbb\xbf"
DEEP = b'{"vulnerabilities": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
HTML = b"<!DOCTYPE html><html><body>403 Forbidden</body></html>"


def read_msrc(*documents):
    reader = MsrcReader()
    for number, data in enumerate(documents):
        reader.add(data, f"2026-{number}.json")
    return reader.feed()


def read_osv(*documents, wanted=None):
    reader = OsvReader(wanted)
    reader.add_source("osv")
    for number, data in enumerate(documents):
        reader.add(data, f"{number}.json")
    return reader.feed()


@pytest.mark.parametrize(
    ("data", "dated", "means"),
    [
        (kev((CVE, "2026-10-22")), date(2026, 11, 24), "released"),
        (BOM + kev((CVE, "2026-10-22")), date(2026, 11, 24), "released"),
        (KEV_CSV, date(2026, 10, 1), "newest entry"),
        (BOM + KEV_CSV, date(2026, 10, 1), "newest entry"),
    ],
    ids=["json", "json with a byte order mark", "csv", "csv with a byte order mark"],
)
def test_the_kev_catalogue_is_read(data, dated, means):
    feed = read_kev(data, "kev")

    assert (feed.kind, feed.dated, feed.date_means, feed.records) == (FeedKind.KEV, dated, means, 1)
    [row] = feed.tables["kev"].to_pylist()
    assert (row["cve_id"], row["due_date"], row["ransomware"]) == (CVE, date(2026, 10, 22), "Known")


def test_an_entry_that_does_not_fit_costs_itself_only():
    feed = read_kev(kev((CVE, "2026-10-22"), ("=cmd()", "2026-10-22"), ("CVE-2026-2222", "soon")), "kev")

    assert (feed.records, feed.skipped) == (1, 2)


def test_a_catalogue_that_holds_other_than_the_entries_it_counts_is_refused():
    with pytest.raises(ConfigError, match="it holds 1 of the 1,422 entries that it counts; download it again"):
        read_kev(kev((CVE, "2026-10-22")).replace(b'"count": 1', b'"count": 1422'), "kev.json")


def test_the_last_of_two_entries_of_a_cve_counts():
    feed = read_kev(kev((CVE, "2026-10-22"), (CVE, "2026-12-01")), "kev")

    assert feed.tables["kev"].column("due_date").to_pylist() == [date(2026, 12, 1)]


@pytest.mark.parametrize(
    "comments",
    [
        ("#model_version:v2025.03.14,score_date:2026-11-24T00:00:00+0000",),
        ("#model_version:v4", "#score_date:2026-11-24"),
        ("\ufeff#model_version:v4,score_date:2026-11-24T00:00:00Z",),
    ],
    ids=["one line", "two lines", "a byte order mark"],
)
def test_epss_scores_are_read(comments):
    feed = read_epss(gzip.decompress(epss((CVE, 0.5, 0.97), ("CVE-2020-1111", 1, 1), comments=comments)), "epss")

    assert (feed.dated, feed.records, feed.skipped) == (date(2026, 11, 24), 2, 0)
    assert feed.tables["epss"].to_pylist()[0] == {"cve_id": CVE, "epss": 0.5, "percentile": 0.97}


def test_scores_that_are_no_probability_are_left_out():
    rows = [(CVE, 0.5, 0.9), ("CVE-2026-2222", "nan", 0.5), ("CVE-2026-3333", 7, 0.5), ("=cmd()", 0.5, 0.5)]

    feed = read_epss(gzip.decompress(epss(*rows)), "epss")

    assert (feed.records, feed.skipped) == (1, 3)


def test_msrc_documents_say_which_kb_fixes_which_cve_on_which_windows():
    kb = remediation("5122876", "5121000", products=("11926", "9000"))
    feed = read_msrc(msrc((CVE, [kb, remediation("Release Notes"), remediation("5122876", kind=3)])))

    assert (feed.dated, feed.records) == (date(2026, 11, 10), 1)
    assert feed.tables["msrc_fixes"].to_pylist() == [
        {"kb_id": "KB5122876", "cve_id": CVE, "product": name, "published": date(2026, 11, 10)}
        for name in ("", "Windows Server 2019")
    ]
    assert feed.tables["msrc_supersedes"].to_pylist() == [{"kb_id": "KB5122876", "superseded": "KB5121000"}]


@pytest.mark.parametrize(
    ("text", "superseded"),
    [
        ("5121000", ["KB5121000"]),
        ("KB5121000", ["KB5121000"]),
        ("5121000, 5121001; 5121002", ["KB5121000", "KB5121001", "KB5121002"]),
        ("5121000 and KB5121001", ["KB5121000", "KB5121001"]),
        ("5121000 does not supersede 5121001", [None]),
        ("see the release notes", [None]),
        ("", []),
        ("None", []),
        (None, []),
    ],
)
def test_supersedence_is_one_kb_several_or_unknown(text, superseded):
    assert list(superseded_kbs(text)) == superseded


def test_a_vulnerability_that_does_not_fit_costs_itself_only():
    feed = read_msrc(msrc((CVE, [remediation("5122876")]), ("ADV990001", [remediation("5122877")]), (7, [])))

    assert (feed.records, feed.skipped) == (1, 2)


def test_osv_records_say_at_which_version_of_each_binary_package_a_cve_is_fixed():
    ubuntu = osv(
        f"UBUNTU-{CVE}",
        affected("Ubuntu:22.04:LTS", "openssl", "3.0.2-0ubuntu1.15", ["openssl", "libssl3"]),
        affected("Ubuntu:Pro:16.04:LTS", "openssl", None),
        affected("Ubuntu:Pro:FIPS-updates:20.04:LTS", "openssl", "1.1.1f-1ubuntu2.fips.1"),
        upstream=[CVE],
    )
    debian = osv("DSA-5000-1", affected("Debian:12", "openssl", "3.0.11-1~deb12u2"), upstream=[CVE, "CVE-2026-1111"])

    feed = read_osv(ubuntu, debian)

    rows = feed.tables["osv_fixes"].to_pylist()
    assert (feed.dated, feed.records) == (date(2026, 11, 20), 2)
    assert {(r["release"], r["package"], r["fixed"], r["cve_id"], r["is_whole"]) for r in rows} == {
        ("22.04", "openssl", "3.0.2-0ubuntu1.15", CVE, True),
        ("22.04", "libssl3", "3.0.2-0ubuntu1.15", CVE, True),
        ("16.04", "openssl", None, CVE, True),
        ("12", "openssl", "3.0.11-1~deb12u2", CVE, False),
        ("12", "openssl", "3.0.11-1~deb12u2", "CVE-2026-1111", False),
    }


def test_only_the_rows_of_the_wanted_cves_are_kept_and_all_records_are_counted():
    records = [osv(f"UBUNTU-CVE-2026-{n}", affected("Ubuntu:22.04:LTS", "curl", "1.0-2")) for n in range(1000, 1050)]

    feed = read_osv(*records, wanted=frozenset({"CVE-2026-1007"}))

    assert feed.records == 50
    assert feed.tables["osv_fixes"].column("cve_id").to_pylist() == ["CVE-2026-1007"]


def test_a_withdrawn_record_and_one_of_another_ecosystem_fix_nothing():
    withdrawn = osv(f"UBUNTU-{CVE}", affected("Ubuntu:22.04:LTS", "curl", "2"), withdrawn="2026-11-02T00:00:00Z")
    other = osv("PYSEC-1", affected("PyPI", "django", "2"))

    feed = read_osv(withdrawn, other)

    assert (feed.records, feed.skipped, feed.tables["osv_fixes"].num_rows) == (1, 1, 0)


READERS = {
    "kev": lambda data: read_kev(data, "the-file"),
    "epss": lambda data: read_epss(data, "the-file"),
    "msrc": read_msrc,
    "osv": read_osv,
}
NOT_FEEDS = {
    "empty": b"",
    "blanks": b" \r\n ",
    "an HTML page": HTML,
    "an HTML page with a mark": BOM + HTML,
    "other JSON": b'{"message": "Not Found"}',
    "a list": b"[1, 2]",
    "JSON that is cut off": kev((CVE, "2026-10-22"))[:-40],
    "deep nesting": DEEP,
    "NaN": b'{"vulnerabilities": NaN}',
    "not UTF-8": b'{"vulnerabilities": "\xff\xfe"}',
    "other CSV": b"name,age\r\n=cmd(),7\r\n",
    "noise": bytes(range(256)) * 4,
}


@pytest.mark.parametrize("data", NOT_FEEDS.values(), ids=NOT_FEEDS)
@pytest.mark.parametrize("kind", READERS)
def test_what_is_no_feed_is_refused_in_one_sentence_without_control_characters(kind, data):
    with pytest.raises(ConfigError) as refused:
        READERS[kind](data)

    text = str(refused.value)
    assert FeedKind(kind).full_name in text
    assert text.isprintable()
    assert len(text) < 400


@pytest.mark.slow
@given(st.binary(max_size=300))
def test_no_bytes_are_taken_for_a_feed_or_end_otherwise_than_in_a_sentence(data):
    for read in READERS.values():
        with pytest.raises(ConfigError):
            read(data)


@pytest.mark.parametrize("packed", [zipped, tarred, partial(tarred, mode="w:xz"), partial(tarred, mode="w")])
def test_archives_give_their_json_files(packed):
    data = packed({"osv/a.json": b"{}", "osv/README.md": b"x" * 5000, "b.json": b"[]"})

    assert list(read_documents(io.BytesIO(data), "all", Bounds())) == [("osv/a.json", b"{}"), ("b.json", b"[]")]


@pytest.mark.parametrize("packed", [zipped, tarred], ids=["zip", "tar"])
@pytest.mark.parametrize(
    "bounds",
    [Bounds(document_bytes=1000), Bounds(archive_bytes=1000), Bounds(members=1)],
    ids=["one file", "all files", "their number"],
)
def test_an_archive_that_unpacks_to_more_than_the_bounds_is_refused(packed, bounds):
    bomb = packed({"a.json": b"0" * 1_000_000, "b.json": b"0" * 1_000_000})

    with pytest.raises(UnreadableError):
        list(read_documents(io.BytesIO(bomb), "bomb", bounds))


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE], ids=["GNU", "pax"])
def test_an_archive_with_a_name_of_megabytes_is_refused_before_it_is_read(kind):
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = kind, 2**32
    bomb = gzip.compress(header.tobuf() + b"a" * 4096)

    with pytest.raises(UnreadableError, match="4,294,967,296"):
        list(read_documents(io.BytesIO(bomb), "bomb", Bounds()))


@pytest.mark.parametrize(
    "data",
    [epss((CVE, 0.5, 0.5))[:-6], tarred({"a.json": b"{}" * 5000})[:60], zipped({"a.json": b"{}" * 5000})[:60]],
    ids=["gz", "tar.gz", "zip"],
)
def test_compressed_data_that_is_cut_off_is_refused(data):
    with pytest.raises(UnreadableError):
        list(read_documents(io.BytesIO(data), "cut", Bounds()))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_an_archive_is_whole_or_refused_wherever_it_is_cut_off(mode):
    documents = {f"{number}.json": number.to_bytes(2, "big") * 300 for number in range(8)}
    data = tarred(documents, mode=mode)

    # From the second member on: less than that is no archive, and its text is no JSON either.
    for cut in range(1024 if mode == "w" else 40, len(data), 128 if mode == "w" else 7):
        with suppress(UnreadableError):
            # The end of the archive, and a checksum behind it, add nothing to the documents.
            assert dict(read_documents(io.BytesIO(data[:cut]), "cut", Bounds())) == documents


def test_an_archive_with_a_damaged_member_does_not_end_there():
    data = bytearray(tarred({"a.json": b"{}", "b.json": b"{}"}, mode="w"))
    data[1024 + 148 : 1024 + 156] = b"00000000"  # the checksum of the second header

    with pytest.raises(UnreadableError, match="damaged or cut off"):
        list(read_documents(io.BytesIO(bytes(data)), "damaged", Bounds()))


@pytest.mark.parametrize("data", [bz2.compress(b"{}"), lzma.compress(b"{}")], ids=["bzip2", "xz"])
def test_what_is_packed_in_another_way_than_gzip_is_refused_by_that_reason(data):
    with pytest.raises(UnreadableError, match="alone only gzip is read"):
        list(read_documents(io.BytesIO(data), "packed", Bounds()))


def test_gzip_that_unpacks_to_more_than_the_bound_is_refused():
    with pytest.raises(UnreadableError, match="1,000 bytes"):
        read_whole(io.BytesIO(gzip.compress(b"0" * 1_000_000)), Bounds(document_bytes=1000))


@pytest.mark.parametrize(
    ("version", "other", "order"),
    [
        ("1.1.1f-1ubuntu2.9", "1.1.1f-1ubuntu2.16", -1),
        ("1.0~rc1-1", "1.0-1", -1),
        ("1:0.9-1", "2.0-1", 1),
        ("3.0.2-0ubuntu1.15", "3.0.2-0ubuntu1.15", 0),
        ("7.2.24-0ubuntu0.18.04.17+esm8", "7.2.24-0ubuntu0.18.04.17", 1),
        ("", "1.0", None),
        ("=cmd()", "1.0", None),
        ("1" * 10_000, "1.0", None),
        (None, "1.0", None),
    ],
)
def test_versions_are_in_the_order_of_dpkg(version, other, order):
    assert compare_dpkg(version, other) == order


@pytest.mark.slow
@given(*[st.from_regex(r"(?:[0-2]:)?[0-9][0-9a-c.+~]{0,5}[0-9](?:-[0-9][0-9a-c.+~]{0,4}[0-9])?", fullmatch=True)] * 3)
def test_the_order_of_versions_is_total(a, b, c):
    assert compare_dpkg(a, a) == 0
    assert compare_dpkg(a, b) == -compare_dpkg(b, a)
    if compare_dpkg(a, b) <= 0 and compare_dpkg(b, c) <= 0:
        assert compare_dpkg(a, c) <= 0
