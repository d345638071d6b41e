"""The JSON files of a store: `scan.json` opens a scan, `manifest.json` commits it, `latest.json` points to one."""

from __future__ import annotations

from msgspec import Struct

from scanner.core.model import EpochMs, ScanRow
from scanner.core.relevant_rows import NODES_TABLE, PATCHES_TABLE, ROWS_TABLE
from scanner.core.scan_request import ScanRequest
from scanner.core.statistics import ScanStatistics

FORMAT = 2  # 1 had all settings in scan.json and nested patches; docs/store-format.md says when it grows


class ScanHeader(Struct, frozen=True):
    """`scan.json`: what a scan was asked to do, so that a resumed one does the same. Holds no secrets.

    `demo` is whether it reads the embedded simulated organization, `label` the name that the user gave it.
    """

    scan_id: str
    started_at: EpochMs
    version: str
    request: ScanRequest
    demo: bool = False
    label: str | None = None
    format: int = FORMAT


class FooterEntry(Struct, frozen=True):
    """The end of a Parquet file, which says where its columns are: its length, and 16 digits of its SHA-256."""

    bytes: int
    sha256: str


class FileEntry(Struct, frozen=True):
    """A file that a manifest lists; `name` is its whole name in the store.

    Where `footer` is known, columns can be read without the rest of the file: it has the checksums of small blocks.
    """

    name: str
    sha256: str
    bytes: int
    footer: FooterEntry | None = None


class SegmentEntry(FileEntry, frozen=True, kw_only=True):
    """A segment: its nodes file, how many nodes and patch rows it holds, and its patches file.

    `patches` is None where there are no patch rows, and where the nodes file holds them itself, as the first release
    wrote it.
    """

    nodes: int
    patch_rows: int
    patches: FileEntry | None = None

    @property
    def is_nested(self) -> bool:
        """Returns whether the nodes file holds the patches itself."""
        return self.patches is None and self.patch_rows > 0

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Returns the files of the segment, that of the nodes first."""
        return (self,) if self.patches is None else (self, self.patches)


class RelevantEntry(Struct, frozen=True):
    """The files of the tables of `scanner.core.relevant_rows`."""

    rows: FileEntry
    nodes: FileEntry
    patches: FileEntry

    @property
    def tables(self) -> dict[str, FileEntry]:
        """Returns the file of each table by its name."""
        return {PATCHES_TABLE: self.patches, NODES_TABLE: self.nodes, ROWS_TABLE: self.rows}


class Manifest(Struct, frozen=True):
    """`manifest.json`: a scan's row and every file that is part of it.

    `history` is what the store knows of nodes by now, this scan's and those that it did not read; `statistics` are for
    trends. Both are None in scans of versions that had neither. `history_scans` are the committed scans whose history
    is part of it, None where that is not known. `relevant` are the rows that reports are made of, which the segments
    have too; None in scans of versions that did not keep them by themselves.
    """

    scan: ScanRow
    segments: tuple[SegmentEntry, ...]
    targets: FileEntry
    history: FileEntry | None = None
    statistics: ScanStatistics | None = None
    history_scans: tuple[str, ...] | None = None
    relevant: RelevantEntry | None = None
    format: int = FORMAT

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Returns every file that is part of the scan."""
        segments = (file for segment in self.segments for file in segment.files)
        history = () if self.history is None else (self.history,)
        return (*segments, self.targets, *history, *(() if self.relevant is None else self.relevant.tables.values()))


class Latest(Struct, frozen=True):
    """`latest.json`: the newest committed scan, for readers that follow a pointer."""

    scan_id: str
    manifest: str
    format: int = FORMAT
