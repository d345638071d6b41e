"""The files of committed scans, as the store gives them to a query engine on the same machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

from scanner.core.model import ScanRow

FileKind = Literal["nodes", "patches"]


class ColumnSource(Protocol):
    """Brings columns of files whose bytes lie elsewhere."""

    async def bring(self, kind: FileKind, columns: Collection[str]) -> None:
        """Makes these columns of all files of a kind readable; whatever is here already is left.

        Raises:
            StoreError: a file is missing or damaged; the text names it.
        """
        ...


class ScanFiles(Struct, frozen=True):
    """The Parquet files of committed scans on this machine, by absolute path, for SQL over them.

    `nodes` have a row for each node, `patches` the rows of the table `patches`. `nested` are those of `nodes` that hold
    their patches themselves, as the first release wrote them. Files that none of `tables` lies in are not here; None
    stands for all tables. `counts` has the number of `patches` of each scan, in their order.

    `relevant` has the files of the tables of `scanner.core.relevant_rows`, by the id of their scan and the name of the
    table. A scan without such files, or with damaged ones, which `problems` names, has its `patches` here instead.

    Where there are `columns`, files of nodes and patches may be hollow: such a one has its length and its footer, and a
    column only once it was brought. A column that was not brought cannot be read: it has no pages.
    """

    scans: tuple[ScanRow, ...] = ()
    nodes: tuple[Path, ...] = ()
    nested: tuple[Path, ...] = ()
    patches: tuple[Path, ...] = ()
    targets: tuple[Path, ...] = ()
    tables: Collection[str] | None = None
    columns: ColumnSource | None = None
    counts: tuple[int, ...] = ()
    relevant: Mapping[str, Mapping[str, Path]] = {}
    problems: tuple[str, ...] = ()

    def patches_of(self, scan_id: str | None) -> tuple[Path, ...]:
        """Returns the files of `patches` of a scan; None stands for all scans."""
        if scan_id is None:
            return self.patches
        place = [scan.scan_id for scan in self.scans].index(scan_id)
        before = sum(self.counts[:place])
        return self.patches[before : before + self.counts[place]]

    def has(self, table: str) -> bool:
        """Returns whether the files of a table are here."""
        return self.tables is None or table in self.tables
