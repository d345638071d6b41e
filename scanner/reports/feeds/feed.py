"""Describes a feed that was read: what it is, how old it is by its own words, and its rows as Arrow tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

import pyarrow as pa
from msgspec import Struct

from scanner.core.errors import ConfigError
from scanner.core.safe_text import terminal_text
from scanner.reports.lines import counted

CVE_ID = re.compile(r"CVE-\d{4}-\d{4,19}")
_LONGEST_QUOTE = 120
_MARKUP = (b"<", b"\xef\xbb\xbf<")


class FeedKind(StrEnum):
    """The feeds that patchsweep reads; the values are their keys in the section `[feeds]`."""

    KEV = "kev"
    EPSS = "epss"
    MSRC = "msrc"
    OSV = "osv"

    @property
    def full_name(self) -> str:
        """Returns its name with what it is."""
        return _TITLES[self]


_TITLES = {
    FeedKind.KEV: "CISA's catalogue of known exploited vulnerabilities (KEV)",
    FeedKind.EPSS: "EPSS scores",
    FeedKind.MSRC: "Microsoft's security updates (MSRC CVRF)",
    FeedKind.OSV: "OSV records of Ubuntu or Debian",
}


#: The tables of each feed in SQL.
FEED_TABLES: Mapping[FeedKind, tuple[str, ...]] = {
    FeedKind.KEV: ("kev",),
    FeedKind.EPSS: ("epss",),
    FeedKind.MSRC: ("msrc_fixes", "msrc_supersedes"),
    FeedKind.OSV: ("osv_fixes",),
}


def kinds_in(sql: str) -> list[FeedKind]:
    """Returns the feeds of which the SQL names a table, as far as its words show."""
    words = {word.lower() for word in re.findall(r"\w+", sql)}
    return [kind for kind, tables in FEED_TABLES.items() if words & {*tables}]


class Feed(Struct, frozen=True):
    """A feed that was read.

    `dated` is the feed's own date and `date_means` what that date is; `records` counts what its tables were made of,
    `skipped` what does not fit the format and was left out. `tables` are by the name they have in SQL.
    """

    kind: FeedKind
    sources: tuple[str, ...]
    dated: date | None
    date_means: str
    records: int
    skipped: int
    tables: Mapping[str, pa.Table]

    @property
    def sentence(self) -> str:
        """Returns `KEV of 2026-11-24 (1,422 records, 3 skipped)`, for an answer that used the feed."""
        when = f" of {self.dated.isoformat()}" if self.dated else ""
        skipped = f", {self.skipped:,} skipped" if self.skipped else ""
        return f"{self.kind.upper()}{when} ({counted(self.records, 'record')}{skipped})"


def not_a_feed(kind: FeedKind, source: str, why: str) -> ConfigError:
    """Returns the error for a file that is not the feed that it is named as; `why` may quote the file."""
    return ConfigError(f"{source} is not {kind.full_name}: {terminal_text(why)[:_LONGEST_QUOTE]}")


def check_text(kind: FeedKind, source: str, data: bytes) -> None:
    """Refuses what is no data at all, as a failed download leaves it.

    Raises:
        ConfigError: the file is empty, or an HTML or XML page.
    """
    start = data[:1024].lstrip()
    if not start:
        raise not_a_feed(kind, source, "the file is empty; download it again")
    if start.startswith(_MARKUP):
        raise not_a_feed(kind, source, "the file is an HTML or XML page, perhaps an error page; download it again")


def day_of(text: str | None) -> date | None:
    """Returns the day of an ISO 8601 date or time, None where there is none."""
    try:
        return datetime.fromisoformat(text.strip()).date() if text else None
    except ValueError:
        return None
