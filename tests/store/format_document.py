"""The columns that docs/store-format.md lists, written from the code: `python -m tests.generated` writes them again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from scanner.core import relevant_rows
from scanner.core.tables import NODES_FILE, STORED_PATCH, TARGET_FILE
from scanner.store.manifest import FORMAT
from scanner.store.missing_since.history_file import HISTORY

DOCUMENT = Path(__file__).parents[2] / "docs" / "store-format.md"
SCHEMAS = {"segment": NODES_FILE, "patch": STORED_PATCH, "targets": TARGET_FILE, "history": HISTORY} | {
    "relevant rows": relevant_rows.ROWS,
    "relevant nodes": relevant_rows.NODES,
    "relevant patches": relevant_rows.DISTINCT_PATCHES,
}


def store_format_document() -> str:
    """Returns the document with its lists of columns and its format version as the code has them."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, fields in SCHEMAS.items():
        text = _replaced(text, f"columns: {name}", f"\n{_table(fields)}\n")
    return _replaced(text, "format", str(FORMAT))


def _replaced(text: str, name: str, content: str) -> str:
    found, count = re.subn(
        rf"(<!-- {name} -->).*?(<!-- end -->)", lambda m: f"{m[1]}{content}{m[2]}", text, flags=re.DOTALL
    )
    assert count == 1, f"docs/store-format.md has no place for {name}"
    return found


def _table(fields: Iterable[pa.Field]) -> str:
    rows = [f"| `{field.name}` | {_type(field.type)} | {'yes' if field.nullable else 'no'} |" for field in fields]
    return "\n".join(["| column | type | null |", "| --- | --- | --- |", *rows])


def _type(kind: pa.DataType) -> str:
    return f"list of {kind.value_type}" if pa.types.is_list(kind) else str(kind)
