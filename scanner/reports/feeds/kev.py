"""Reads CISA's catalogue of known exploited vulnerabilities, as JSON or as CSV.

Source: the catalogue's published schema. `dateAdded` is the day on which an entry came into the catalogue, not the day
on which the CVE was published; `dueDate` is the day until which federal agencies have to act.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date

import pyarrow as pa
from msgspec import Struct, convert

from scanner.core.foreign_bytes import ForeignBytesError, decode_json
from scanner.reports.feeds.feed import CVE_ID, Feed, FeedKind, check_text, day_of, not_a_feed

KEV = pa.schema(
    [
        pa.field("cve_id", pa.string(), nullable=False),
        pa.field("date_added", pa.date32()),
        pa.field("due_date", pa.date32()),
        pa.field("ransomware", pa.string()),
        pa.field("vendor", pa.string()),
        pa.field("product", pa.string()),
        pa.field("name", pa.string()),
    ]
)


class _Entry(Struct, frozen=True):
    cveID: str  # noqa: N815 - the catalogue's own names
    dateAdded: str  # noqa: N815
    dueDate: str  # noqa: N815
    knownRansomwareCampaignUse: str = "Unknown"  # noqa: N815 - older files lack it
    vendorProject: str = ""  # noqa: N815
    product: str = ""
    vulnerabilityName: str = ""  # noqa: N815


class _Catalogue(Struct, frozen=True):
    vulnerabilities: list[object]
    dateReleased: str | None = None  # noqa: N815
    count: int | None = None

    @property
    def is_whole(self) -> bool:
        return self.count in (None, len(self.vulnerabilities))


def read_kev(data: bytes, source: str) -> Feed:
    """Returns the catalogue of a JSON or CSV file.

    Raises:
        ConfigError: it is no such catalogue, it has other than the number of entries that it names, or none of them
            has a CVE id and dates.
    """
    check_text(FeedKind.KEV, source, data)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        values, released = _json_entries(data, source)
    else:
        values, released = _csv_entries(data, source), None
    entries = [entry for entry in map(_entry, values) if entry is not None]
    if not entries:
        raise not_a_feed(FeedKind.KEV, source, "no entry has a cveID, a dateAdded and a dueDate")
    added = [day for day in (day_of(entry.dateAdded) for entry in entries) if day is not None]
    return Feed(
        FeedKind.KEV,
        (source,),
        released or max(added),
        "released" if released else "newest entry",
        len(entries),
        len(values) - len(entries),
        {"kev": _table(entries)},
    )


def _json_entries(data: bytes, source: str) -> tuple[Sequence[object], date | None]:
    try:
        catalogue = decode_json(data.removeprefix(b"\xef\xbb\xbf"), _Catalogue)
    except ForeignBytesError as error:
        raise not_a_feed(FeedKind.KEV, source, str(error)) from error
    if not catalogue.is_whole:
        holds = f"it holds {len(catalogue.vulnerabilities):,} of the {catalogue.count:,} entries that it counts"
        raise not_a_feed(FeedKind.KEV, source, f"{holds}; download it again")
    return catalogue.vulnerabilities, day_of(catalogue.dateReleased)


def _csv_entries(data: bytes, source: str) -> Sequence[object]:
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), restkey="", strict=True)
        missing = {"cveID", "dateAdded", "dueDate"} - {*(rows.fieldnames or ())}
        if missing:
            raise not_a_feed(FeedKind.KEV, source, f"its first line has no column {', '.join(sorted(missing))}")
        return list(rows)
    except (UnicodeDecodeError, csv.Error) as error:
        raise not_a_feed(FeedKind.KEV, source, str(error)) from error


def _entry(value: object) -> _Entry | None:
    """Returns an entry that can be used; one that cannot costs itself only."""
    try:
        entry = convert({} if not isinstance(value, dict) else value, _Entry)
    except ValueError:
        return None
    is_dated = day_of(entry.dateAdded) is not None and day_of(entry.dueDate) is not None
    return entry if CVE_ID.fullmatch(entry.cveID) and is_dated else None


def _table(entries: Sequence[_Entry]) -> pa.Table:
    # The last entry of a CVE counts: a list of two due dates would join twice.
    unique = list({entry.cveID: entry for entry in entries}.values())
    return pa.table(
        [
            [entry.cveID for entry in unique],
            [day_of(entry.dateAdded) for entry in unique],
            [day_of(entry.dueDate) for entry in unique],
            [entry.knownRansomwareCampaignUse for entry in unique],
            [entry.vendorProject for entry in unique],
            [entry.product for entry in unique],
            [entry.vulnerabilityName for entry in unique],
        ],
        schema=KEV,
    )
