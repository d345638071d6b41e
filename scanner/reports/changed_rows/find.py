"""Yields the rows of the patches in which two scans differ, a group of nodes after the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

import pyarrow as pa
from anyio import to_thread

from scanner.core.scan_files import ScanFiles
from scanner.reports.changed_rows.coded_rows import PatchFile
from scanner.reports.changed_rows.differing_rows import differing_rows
from scanner.reports.changed_rows.node_groups import node_groups
from scanner.reports.changed_rows.node_runs import RUN_COLUMNS, NodeRuns, differing_nodes, node_numbers, read_runs

GROUP_ROWS = 500_000  # take 60 MB while they are compared


async def changed_rows(
    files: ScanFiles, nodes: pa.Table, after: str, group_rows: int = GROUP_ROWS
) -> AsyncGenerator[pa.Table, None]:
    """Yields tables as `differing_rows` returns them; all rows of a node are in one.

    Args:
        files: those of two scans.
        nodes: the keys of the nodes to compare, and the number of each as `node`.
        after: the id of the later scan.
        group_rows: how many rows of both scans are in memory at once.

    Raises:
        StoreError: a file is missing or damaged.
    """
    await _bring(files)
    runs = await _runs(files, node_numbers(nodes), after)
    differing = frozenset(differing_nodes(runs).to_pylist())
    for group in node_groups(runs, differing, group_rows):
        yield await to_thread.run_sync(differing_rows, group)


async def _runs(files: ScanFiles, numbers: Mapping[str, int], after: str) -> list[NodeRuns]:
    return [await to_thread.run_sync(read_runs, file, numbers, after) for file in _patch_files(files)]


async def _bring(files: ScanFiles) -> None:
    if files.columns is not None:
        await files.columns.bring("patches", {*RUN_COLUMNS, "severity"})
        if files.nested:
            await files.columns.bring("nodes", {*RUN_COLUMNS, "patches"})


def _patch_files(files: ScanFiles) -> Sequence[PatchFile]:
    return [*map(PatchFile, files.patches), *(PatchFile(path, is_nested=True) for path in files.nested)]
