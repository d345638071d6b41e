"""The names of a scan's files, and of the scans."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct

from scanner.core.model import EpochMs

SCANS = "scans/"
LATEST = "latest.json"
FILTERING = "filtering.json"
_STARTED = "%Y%m%dT%H%M%SZ"
_SCAN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}\Z")
_PART = re.compile(r"(?P<sequence>\d{6,})-(?P<writer>[0-9a-f]{8})-(?P<digest>[0-9a-f]{16})\.(?P<kind>parquet|json)\Z")


def new_scan_id(now_ms: EpochMs) -> str:
    """Returns an id that sorts by the second the scan was started in, like `20261123T210611Z-a1b2c3`."""
    started = datetime.fromtimestamp(now_ms // 1000, UTC)
    return f"{started:{_STARTED}}-{secrets.token_hex(3)}"


def started_at(scan_id: str) -> datetime:
    """Returns the second a scan was started in, which its id holds."""
    return datetime.strptime(scan_id.partition("-")[0], _STARTED).replace(tzinfo=UTC)


def is_scan_id(text: str) -> bool:
    """Returns whether it is a scan id, and so can be part of a path."""
    if _SCAN_ID.match(text) is None:
        return False
    try:
        started_at(text)
    except ValueError:
        return False
    return True


class ScanNames(Struct, frozen=True):
    """The names of one scan's files."""

    scan_id: str

    @property
    def folder(self) -> str:
        return f"{SCANS}{self.scan_id}"

    @property
    def header(self) -> str:
        return f"{self.folder}/scan.json"

    @property
    def manifest(self) -> str:
        return f"{self.folder}/manifest.json"

    @property
    def lease(self) -> str:
        return f"{self.folder}/lease.json"

    @property
    def plan(self) -> str:
        return f"{self.folder}/plan.json"

    @property
    def ended(self) -> str:
        """Returns the prefix of the records of targets that were read to their end."""
        return f"{self.folder}/ended/"

    def ended_file(self, sequence: int, writer: str, sha256: str) -> str:
        """Returns a name that no other record has; the digest is of the content."""
        return f"{self.ended}{sequence:06d}-{writer}-{sha256[:16]}.json"

    @property
    def open(self) -> str:
        """Returns the prefix of what each process says of the targets that it has open."""
        return f"{self.folder}/open/"

    def open_file(self, writer: str) -> str:
        return f"{self.open}{writer}.json"

    @property
    def thin(self) -> str:
        """Returns the prefix of nodes whose rows still lie in a segment of an earlier scan."""
        return f"{self.folder}/thin/"

    def thin_file(self, sequence: int, writer: str, sha256: str) -> str:
        """Returns a name that no other such file has; the digest is of the content."""
        return f"{self.thin}{sequence:06d}-{writer}-{sha256[:16]}.parquet"

    def working_files(self, names: Iterable[str]) -> list[str]:
        """Returns those of the names that only an unfinished scan needs, besides its header and its nodes."""
        return [name for name in names if name == self.plan or name.startswith((self.ended, self.open, self.thin))]

    def targets(self, writer: str, sha256: str) -> str:
        """Returns a name of its own for each writer, so that none replaces the file that another has committed."""
        return f"{self.folder}/targets-{writer}-{sha256[:16]}.parquet"

    def history(self, writer: str, sha256: str) -> str:
        """Returns a name of its own for each writer, like `targets`."""
        return f"{self.folder}/history-{writer}-{sha256[:16]}.parquet"

    def relevant(self, table: str, writer: str, sha256: str) -> str:
        """Returns a name of its own for each writer, like `targets`, of one of the tables of relevant rows."""
        return f"{self.folder}/relevant-{table}-{writer}-{sha256[:16]}.parquet"

    @property
    def segments(self) -> str:
        """Returns the prefix of its segments."""
        return f"{self.folder}/segments/"

    @property
    def patches(self) -> str:
        """Returns the prefix of the patches of its segments."""
        return f"{self.folder}/patches/"

    def patches_file(self, sequence: int, writer: str, sha256: str) -> str:
        """Returns the name of the patches of the segment with this number, which no other file has."""
        return f"{self.patches}{sequence:06d}-{writer}-{sha256[:16]}.parquet"

    def segment(self, sequence: int, writer: str, sha256: str) -> str:
        """Returns a name that no other segment has: `sequence` counts within `writer`, the digest is of the content."""
        return f"{self.segments}{sequence:06d}-{writer}-{sha256[:16]}.parquet"


def digest_in(name: str, kind: str = "parquet") -> str | None:
    """Returns the start of the SHA-256 in the name of a segment, or of another part with this ending; else None."""
    found = _PART.match(name.rpartition("/")[2])
    return found["digest"] if found and found["kind"] == kind else None
