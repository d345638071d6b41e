"""Where the files of a scan lie: `TABLE/scan_date=YYYY-MM-DD/<scan_id>-<part>.parquet`.

Up to version 0.1 they lay in `TABLE/account_id=…/region=…/<scan_id>-<part>.parquet` and `TABLE/<scan_id>.parquet`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from scanner.core.errors import ConfigError
from scanner.core.model import EpochMs

_SCAN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
_MARKER_TABLE = "scans"


def check_scan_id(scan_id: str) -> None:
    """Raises `ConfigError` for a scan id that could lead out of the folder."""
    if not _SCAN_ID.match(scan_id):
        raise ConfigError(f"the scan id {scan_id!r} cannot be a part of a file's name")


def part_name(table: str, started_at: EpochMs, scan_id: str, part: int) -> str:
    """Returns the name of one of the table's files; the date is the day in UTC on which the scan started."""
    return f"{table}/scan_date={datetime.fromtimestamp(started_at / 1000, UTC):%Y-%m-%d}/{scan_id}-{part:05d}.parquet"


def is_marker(name: str) -> bool:
    """Returns whether the file holds the scan's own row, which is there only when all other files of the scan are."""
    return name.startswith(f"{_MARKER_TABLE}/")


def are_names_of(scan_id: str, names: Iterable[str]) -> bool:
    """Returns whether these are names of the scan's files, in the layout of today or of an earlier version."""
    pattern = re.compile(rf"[a-z_]+/(?:[a-z_]+=[A-Za-z0-9*-]+/)*{re.escape(scan_id)}(?:-\d+)?\.parquet")
    return all(map(pattern.fullmatch, names))
