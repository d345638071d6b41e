"""Says which columns of the store's files a query reads, by DuckDB's own plan of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from scanner.core.scan_files import FileKind
from scanner.core.tables import NODES_FILE, PATCHES

_NAME = re.compile(r"\w+")
#: Patches lie in the files of nodes where the first release wrote them.
_COLUMNS: Mapping[FileKind, frozenset[str]] = {
    "nodes": frozenset({*NODES_FILE.names, "patches"}),
    "patches": frozenset(PATCHES.names),
}


def wanted_columns(plan: str) -> dict[FileKind, set[str]]:
    """Returns the columns that the scans of a plan in JSON name, by the kind of file that may hold them.

    A plan does not say which files a scan is of, so what it names counts for each kind of file that has such a column.
    A name too much, of another table or in a text that is compared, costs only time; a column that is read is always
    named.
    """
    named = {name for scan in _scans(json.loads(plan)) for name in _NAME.findall(json.dumps(scan))}
    return {kind: named & columns for kind, columns in _COLUMNS.items()}


def _scans(nodes: list[dict[str, object]]) -> Iterator[object]:
    """Yields what a plan says of each node that has no children: those read files or tables."""
    for node in nodes:
        children = node.get("children")
        if isinstance(children, list) and children:
            yield from _scans(children)
        else:
            yield node.get("extra_info")
