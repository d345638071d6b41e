"""Writes the answer of `patchsweep cve` as a CSV file for each group of machines, such as one a team."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from scanner.cli.atomic_file import write_file
from scanner.cli.report_files import check_folder, file_names

if TYPE_CHECKING:
    from scanner.core.model import ScanRow
    from scanner.reports.cve import CveQuestion
    from scanner.reports.grouping import Grouping
    from scanner.reports.sql.query import Views


async def write_group_files(
    views: Views, sql: str, question: CveQuestion, scan: ScanRow, split: Grouping, folder: str
) -> int:
    """Writes the rows of each group, one file after the other, and returns how many files.

    A group without rows has a file too: one from an earlier scan would still name what is fixed by now.

    Raises:
        ConfigError: the folder cannot be used, or there are too many groups.
        PatchsweepError: a file cannot be written.
    """
    from scanner.reports.cve import parameters
    from scanner.reports.cve_sql import by_group, of_group
    from scanner.reports.sql.render import rendered

    groups_sql = by_group(split.members("main.nodes"))
    groups = await views.fetch(groups_sql, parameters(groups_sql, question, scan, split.parameters))
    names = file_names(groups.column("group").to_pylist(), ".csv")
    check_folder(folder)
    rows_sql = of_group(sql, split.members("main.nodes"))
    for value, name in names.items():
        of_value = parameters(rows_sql, question, scan, {**split.parameters, "group_value": value})
        async with views.run(rows_sql, of_value) as rows:
            text = "".join([piece async for piece in rendered(rows.schema, rows, "csv")])
        await to_thread.run_sync(write_file, str(Path(folder) / name), text.encode(), "CSV")
    return len(names)
