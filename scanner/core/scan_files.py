"""The files of committed scans, as the store gives them to a query engine on the same machine."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from scanner.core.model import ScanRow


class ScanFiles(Struct, frozen=True):
    """The Parquet files of committed scans on this machine, by absolute path, for SQL over them.

    `nodes` have a row for each node, `patches` the rows of the table `patches`. `nested` are those of `nodes` that hold
    their patches themselves, as the first release wrote them. Where `has_patches` is false, nothing of patches is here.
    """

    scans: tuple[ScanRow, ...]
    nodes: tuple[Path, ...]
    nested: tuple[Path, ...]
    patches: tuple[Path, ...]
    targets: tuple[Path, ...]
    has_patches: bool = True
