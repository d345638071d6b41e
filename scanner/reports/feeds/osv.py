"""Reads OSV records of Ubuntu and Debian: at which version of a package a CVE is fixed.

Source: the OSV schema 1.7 and Canonical's and Debian's records. Ubuntu names the binary packages of a source package
with their versions (`ecosystem_specific.binaries`), Debian the source package alone. Ids of CVEs stand in `upstream`,
in older records in `aliases` or `related`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import pyarrow as pa
from msgspec import Struct

from scanner.core.foreign_bytes import decode_json
from scanner.reports.feeds.feed import CVE_ID, Feed, FeedKind, check_text, day_of, not_a_feed

#: `package` is a binary package, or the source package where the record names no binaries (`is_source`). `fixed` is
#: null where there is no fixed version. `is_whole`: the record is that of one CVE, which lists every package, and no
#: advisory.
OSV_FIXES = pa.schema(
    [
        pa.field("distribution", pa.string(), nullable=False),
        pa.field("release", pa.string(), nullable=False),
        pa.field("package", pa.string(), nullable=False),
        pa.field("source_package", pa.string(), nullable=False),
        pa.field("is_source", pa.bool_(), nullable=False),
        pa.field("fixed", pa.string()),
        pa.field("cve_id", pa.string(), nullable=False),
        pa.field("published", pa.date32()),
        pa.field("is_whole", pa.bool_(), nullable=False),
    ]
)
#: `Ubuntu:22.04:LTS`, `Ubuntu:Pro:16.04:LTS`, `Debian:12`. Ubuntu's FIPS and real-time packages have versions of their
#: own, and nothing tells whether a node has those.
_ECOSYSTEM = re.compile(r"(Ubuntu|Debian):(?:Pro:)?(\d+(?:\.\d+)?)(?::LTS)?")
_WHOLE = re.compile(r"(?:UBUNTU|DEBIAN)-(CVE-\d{4}-\d{4,19})")
_FLUSH_ROWS = 100_000

_Row = tuple[str, str, str, str, bool, str | None, str, date | None, bool]


class _Event(Struct, frozen=True):
    fixed: str | None = None


class _Range(Struct, frozen=True):
    events: list[_Event] | None = None


class _Package(Struct, frozen=True):
    ecosystem: str = ""
    name: str = ""


class _Specific(Struct, frozen=True):
    binaries: object = None  # a list of names with versions, in one of two forms


class _Affected(Struct, frozen=True):
    package: _Package | None = None
    ranges: list[_Range] | None = None
    ecosystem_specific: _Specific | None = None


class _Record(Struct, frozen=True):
    id: str
    modified: str
    affected: list[_Affected] | None = None
    published: str | None = None
    withdrawn: str | None = None
    upstream: list[str] | None = None
    aliases: list[str] | None = None
    related: list[str] | None = None


class OsvReader:
    """Gathers records one by one in Arrow columns; `wanted` narrows the rows to some CVEs, not the count of records."""

    def __init__(self, wanted: frozenset[str] | None = None) -> None:
        self._wanted = wanted
        self._wanted_bytes = None if wanted is None else [cve_id.encode() for cve_id in wanted]
        self._batches: list[pa.RecordBatch] = []
        self._rows: list[_Row] = []
        self._sources: list[str] = []
        self._newest: date | None = None
        self._records = 0
        self._skipped = 0
        self._first_refusal = "it has no JSON file"

    def add_source(self, source: str) -> None:
        """Remembers a file or folder whose records are added next."""
        self._sources.append(source)

    def add(self, data: bytes, name: str) -> None:
        """Adds one document; what is no record of Ubuntu or Debian is counted as skipped."""
        try:
            check_text(FeedKind.OSV, name, data)
            record = decode_json(data, _Record)
        except ValueError as error:
            self._skip(f"{name}: {error}")
            return
        affected = [each for each in record.affected or () if each.package and _release(each.package)]
        if not affected and not record.withdrawn:
            self._skip(f"{name}: it affects no release of Ubuntu or Debian")
            return
        self._records += 1
        modified = day_of(record.modified)
        self._newest = max(filter(None, (self._newest, modified)), default=None)
        if record.withdrawn or not self._is_wanted(data):
            return
        self._rows += self._rows_of(record, affected)
        if len(self._rows) >= _FLUSH_ROWS:
            self._flush()

    def _skip(self, why: str) -> None:
        self._first_refusal = why if not self._skipped else self._first_refusal
        self._skipped += 1

    def _is_wanted(self, data: bytes) -> bool:
        # Most records are of other CVEs, and looking for bytes is cheaper than building rows.
        few = 20
        if self._wanted_bytes is None or len(self._wanted_bytes) > few:
            return True
        return any(cve_id in data for cve_id in self._wanted_bytes)

    def _rows_of(self, record: _Record, affected: list[_Affected]) -> Iterator[_Row]:
        cve_ids, is_whole = _cve_ids(record)
        cve_ids = cve_ids if self._wanted is None else cve_ids & self._wanted
        published = day_of(record.published)
        for each in affected if cve_ids else ():
            assert each.package is not None
            release = _release(each.package)
            assert release is not None
            fixed = _fixed(each)
            binaries = dict(_binaries(each.ecosystem_specific))
            packages = binaries or {each.package.name: None}
            for package, version in packages.items():
                # A binary package may have another version than its source.
                at = None if fixed is None else version or fixed
                for cve_id in cve_ids:
                    yield (*release, package, each.package.name, not binaries, at, cve_id, published, is_whole)

    def _flush(self) -> None:
        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, OSV_FIXES, strict=True)]
            self._batches.append(pa.record_batch(arrays, schema=OSV_FIXES))
            self._rows = []

    def feed(self) -> Feed:
        """Returns all that was added.

        Raises:
            ConfigError: there is no record of Ubuntu or Debian.
        """
        self._flush()
        if not self._records:
            raise not_a_feed(FeedKind.OSV, ", ".join(self._sources[:3]), self._first_refusal)
        table = pa.Table.from_batches(self._batches, OSV_FIXES)
        return Feed(
            FeedKind.OSV,
            tuple(self._sources),
            self._newest,
            "newest record",
            self._records,
            self._skipped,
            {"osv_fixes": table},
        )


def _release(package: _Package) -> tuple[str, str] | None:
    match = _ECOSYSTEM.fullmatch(package.ecosystem)
    return (match[1], match[2]) if match and package.name else None


def _cve_ids(record: _Record) -> tuple[frozenset[str], bool]:
    """Returns the CVEs of a record, and whether it is that of one CVE."""
    whole = _WHOLE.fullmatch(record.id)
    if whole:
        return frozenset((whole[1],)), True
    named = [*(record.upstream or ()), *(record.aliases or ()), *(record.related or ())]
    return frozenset(filter(CVE_ID.fullmatch, named)), False


def _fixed(affected: _Affected) -> str | None:
    """Returns the last fixed version of the ranges, None where one range has none."""
    ends = [[event.fixed for event in each.events or () if event.fixed] for each in affected.ranges or ()]
    return ends[-1][-1] if ends and all(ends) else None


def _binaries(specific: _Specific | None) -> Iterator[tuple[str, str | None]]:
    for value in specific.binaries if specific and isinstance(specific.binaries, list) else ():
        if not isinstance(value, dict):
            continue
        if isinstance(name := value.get("binary_name"), str):
            version = value.get("binary_version")
            yield name, version if isinstance(version, str) else None
        else:
            yield from ((name, version) for name, version in value.items() if isinstance(version, str))
