"""Reads Microsoft's monthly security updates: which KB fixes which CVEs, and which KBs it supersedes.

Source: `cvrf/v3.0/document/2026-Nov` of the MSRC API, as JSON. A vendor fix is a remediation of type 2, whose
description is the bare number of the KB. `Supercedence` (Microsoft's spelling) holds one number, several, or free text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date

import pyarrow as pa
from msgspec import Struct, convert

from scanner.core.foreign_bytes import ForeignBytesError, decode_json
from scanner.reports.feeds.feed import CVE_ID, Feed, FeedKind, check_text, day_of, not_a_feed

MSRC_FIXES = pa.schema(
    [
        pa.field("kb_id", pa.string(), nullable=False),
        pa.field("cve_id", pa.string(), nullable=False),
        pa.field("product", pa.string()),
        pa.field("published", pa.date32()),
    ]
)
#: `superseded` is null where the feed says in free text what the KB supersedes, or where it may supersede more.
MSRC_SUPERSEDES = pa.schema([pa.field("kb_id", pa.string(), nullable=False), pa.field("superseded", pa.string())])

_VENDOR_FIX = 2
_KB = re.compile(r"(?:KB)?(\d{6,7})", re.IGNORECASE)
_KB_LIST = re.compile(r"(?:KB)?\d{6,7}(?:[\s,;/&]+(?:and\s+)?(?:KB)?\d{6,7})*", re.IGNORECASE)
#: The Windows that a product name stands for, as `platform_name` of a node says it too.
WINDOWS = re.compile(r"Windows (?:Server (?:\d{4}(?: R2)?)|\d+(?:\.\d)?)")


class _Text(Struct, frozen=True):
    Value: str | None = None


class _Remediation(Struct, frozen=True):
    Type: int | None = None
    Description: _Text | None = None
    Supercedence: str | None = None
    ProductID: list[str] | None = None


class _Revision(Struct, frozen=True):
    Date: str | None = None


class _Vulnerability(Struct, frozen=True):
    CVE: str
    Remediations: list[_Remediation] | None = None
    RevisionHistory: list[_Revision] | None = None


class _Product(Struct, frozen=True):
    ProductID: str
    Value: str


class _ProductTree(Struct, frozen=True):
    FullProductName: list[_Product] | None = None


class _Tracking(Struct, frozen=True):
    InitialReleaseDate: str | None = None
    CurrentReleaseDate: str | None = None


class _Document(Struct, frozen=True):
    DocumentTracking: _Tracking
    Vulnerability: list[object] | None
    ProductTree: _ProductTree | None = None


class MsrcReader:
    """Gathers monthly documents; what one vulnerability has wrong costs that vulnerability."""

    def __init__(self) -> None:
        self._fixes: set[tuple[str, str, str, date | None]] = set()
        self._supersedes: set[tuple[str, str | None]] = set()
        self._sources: list[str] = []
        self._dates: list[date] = []
        self._cves: set[str] = set()
        self._skipped = 0

    def add(self, data: bytes, source: str) -> None:
        """Adds one document.

        Raises:
            ConfigError: it is no such document.
        """
        check_text(FeedKind.MSRC, source, data)
        try:
            document = decode_json(data.removeprefix(b"\xef\xbb\xbf"), _Document)
        except ForeignBytesError as error:
            raise not_a_feed(FeedKind.MSRC, source, str(error)) from error
        tracking = document.DocumentTracking
        released = day_of(tracking.InitialReleaseDate)
        self._dates += filter(None, [day_of(tracking.CurrentReleaseDate) or released])
        products = document.ProductTree.FullProductName if document.ProductTree else None
        names = {product.ProductID: product.Value for product in products or ()}
        for value in document.Vulnerability or ():
            self._add_vulnerability(value, names, released)
        self._sources.append(source)

    def _add_vulnerability(self, value: object, names: dict[str, str], released: date | None) -> None:
        try:
            found = convert(value, _Vulnerability)
        except ValueError:
            self._skipped += 1
            return
        if not CVE_ID.fullmatch(found.CVE):
            # Advisories (ADV…) and third parties' ids stand among them.
            self._skipped += 1
            return
        self._cves.add(found.CVE)
        published = min(filter(None, (day_of(each.Date) for each in found.RevisionHistory or ())), default=released)
        for remediation in found.Remediations or ():
            kb_id = _kb_of(remediation)
            if kb_id is None:
                continue
            products = {_windows(names.get(product, "")) for product in remediation.ProductID or ()} or {""}
            self._fixes.update((kb_id, found.CVE, product, published) for product in products)
            self._supersedes.update((kb_id, each) for each in superseded_kbs(remediation.Supercedence))

    def feed(self) -> Feed:
        """Returns all that was added.

        Raises:
            ConfigError: no vulnerability has a CVE id and a KB that fixes it.
        """
        if not self._fixes:
            where = ", ".join(self._sources[:3]) or "the file"
            raise not_a_feed(FeedKind.MSRC, where, "no vulnerability has a CVE id and the number of a KB that fixes it")
        return Feed(
            FeedKind.MSRC,
            tuple(self._sources),
            max(self._dates, default=None),
            "last release",
            len(self._cves),
            self._skipped,
            {
                "msrc_fixes": _table(sorted(self._fixes, key=str), MSRC_FIXES),
                "msrc_supersedes": _table(sorted(self._supersedes, key=str), MSRC_SUPERSEDES),
            },
        )


def _kb_of(remediation: _Remediation) -> str | None:
    if remediation.Type != _VENDOR_FIX or remediation.Description is None:
        return None
    match = _KB.fullmatch((remediation.Description.Value or "").strip())
    return f"KB{match[1]}" if match else None


def superseded_kbs(text: str | None) -> Iterator[str | None]:
    """Yields the KBs of a list, or None for free text: that may name any KB, or say what is not superseded."""
    words = (text or "").strip()
    if _KB_LIST.fullmatch(words):
        yield from (f"KB{number}" for number in _KB.findall(words))
    elif words.lower() not in {"", "none", "n/a"}:
        yield None


def _windows(product: str) -> str:
    match = WINDOWS.search(product)
    return match[0] if match else ""


def _table(rows: Iterable[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)
