"""Lists what changed between two scans, a row for each patch and node, in the order of kind, node and KB id.

Millions of changes are kept and sorted as numbers: their texts are few, and so are their nodes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.scan_files import ScanFiles
from scanner.core.settings import ViewSettings
from scanner.core.state_names import LACKING_STATES
from scanner.reports.changed_rows.find import GROUP_ROWS, changed_rows
from scanner.reports.changed_rows.text_codes import TextCodes
from scanner.reports.diff_sql import CHANGES, NODE_CHANGES, PATCH_CHANGES
from scanner.reports.sql.query import Rows, Views, open_views
from scanner.reports.statuses import VERIFIED, values

_OF_NODE = ("account_id", "region", "instance_id", "computer_name")
_OF_PATCH = ("kb_id", "severity", "before", "after", "title_before", "title_after")
SCHEMA = pa.schema([(name, pa.string()) for name in ("change", *_OF_NODE, *_OF_PATCH)])
#: In their order. Millions of changes have the place of their kind here, a byte.
_KINDS = pa.array(["changed", "dropped", "fixed", "missing", "node_left", "node_new", "node_status"])
_BATCHES_AT_ONCE = 5  # of 10,000 rows: each distinct text of a column is put into words once for all of them


@asynccontextmanager
async def open_changes(
    files: ScanFiles, nodes: pa.Table, after: str, limits: ViewSettings | None = None, group_rows: int = GROUP_ROWS
) -> AsyncIterator[AsyncGenerator[pa.RecordBatch, None]]:
    """Yields the changes as batches of `SCHEMA`, which can be read while the block runs.

    Args:
        files: those of the two scans.
        nodes: what `paired_nodes` returns.
        after: the id of the later scan.
        limits: the memory and the spill folder for the changes.
        group_rows: how many patch rows are in memory at once.

    Raises:
        StoreError: a file is missing or damaged.
        ConfigError: the changes fit neither into the memory nor into the spill folder.
    """
    codes = TextCodes()
    # A database of its own: one that has read the files of 100,000 nodes keeps 200 MB of what it knows about them.
    async with open_views(ScanFiles(tables=()), limits) as tables:
        await tables.add_tables({"paired": nodes})
        await _append(tables, codes, await tables.fetch(NODE_CHANGES, {"verified": values(VERIFIED)}))
        async with aclosing(
            changed_rows(files, nodes.filter(nodes.column("is_compared")), after, group_rows)
        ) as groups:
            async for rows in groups:
                await tables.add_tables({"differing_rows": rows})
                await _append(tables, codes, await tables.fetch(PATCH_CHANGES, {"lacking": list(LACKING_STATES)}))
        await tables.add_tables({"text_places": codes.places()})
        async with tables.run(CHANGES) as coded, aclosing(_in_words(coded, nodes, codes.texts())) as batches:
            yield batches


async def _append(tables: Views, codes: TextCodes, changes: pa.Table) -> None:
    columns = {name: codes.encode(changes.column(name)) for name in _OF_PATCH}
    kinds = pc.index_in(changes.column("change"), _KINDS).cast(pa.int8())
    kept = {"change": kinds, "node": changes.column("node"), **columns}
    await tables.append_rows("changes", pa.table(kept))


async def _in_words(rows: Rows, nodes: pa.Table, texts: pa.Array) -> AsyncGenerator[pa.RecordBatch, None]:
    """Yields the rows with their texts, the first batch alone: a table takes its widths from it."""
    waiting: list[pa.RecordBatch] = []
    wanted = 1
    async for batch in rows:
        waiting.append(batch)
        if len(waiting) == wanted:
            yield _batch(waiting, nodes, texts)
            waiting, wanted = [], _BATCHES_AT_ONCE
    if waiting:
        yield _batch(waiting, nodes, texts)


def _batch(coded: list[pa.RecordBatch], nodes: pa.Table, texts: pa.Array) -> pa.RecordBatch:
    rows = pa.concat_batches(coded)
    of_node = [nodes.column(name).chunk(0).take(rows.column("node")) for name in _OF_NODE]
    of_patch = [texts.take(rows.column(name)) for name in _OF_PATCH]
    return pa.record_batch([_KINDS.take(rows.column("change")), *of_node, *of_patch], schema=SCHEMA)
