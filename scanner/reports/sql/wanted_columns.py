"""Says which columns of the store's files a query reads, by DuckDB's own plan of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from scanner.core.scan_files import FileKind
from scanner.core.tables import NODES_FILE, PATCHES, TARGET_FILE

_NAME = re.compile(r"\w+")
#: Patches lie in the files of nodes where the first release wrote them.
_COLUMNS: Mapping[FileKind, frozenset[str]] = {
    "nodes": frozenset({*NODES_FILE.names, "patches"}),
    "patches": frozenset(PATCHES.names),
}
_ANY = frozenset({*TARGET_FILE.names}).union(*_COLUMNS.values())


def wanted_columns(plan: str) -> dict[FileKind, set[str]]:
    """Returns the columns that the scans of a plan in JSON name, by the files that they may be of.

    A plan does not say which files a scan is of, so it counts for each kind that has all columns that it names. A name
    too much, such as one in a text that is compared, costs only time; a column that is read is always named.
    """
    wanted: dict[FileKind, set[str]] = {kind: set() for kind in _COLUMNS}
    for scan in _scans(json.loads(plan)):
        named = _ANY & {*_NAME.findall(json.dumps(scan))}
        fitting = [kind for kind, columns in _COLUMNS.items() if named <= columns]
        for kind in [kind for kind in _COLUMNS if kind in fitting] or _COLUMNS:
            wanted[kind] |= named & _COLUMNS[kind]
    return wanted


def _scans(nodes: list[dict[str, object]]) -> Iterator[object]:
    """Yields what a plan says of each node that has no children: those read files or tables."""
    for node in nodes:
        children = node.get("children")
        if isinstance(children, list) and children:
            yield from _scans(children)
        else:
            yield node.get("extra_info")
