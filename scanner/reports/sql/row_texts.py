"""Rows as text, joined from the texts of their cells; what repeats in a column is put into words once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc


def cell_texts(column: pa.Array, texts: Callable[[pa.Array], Sequence[str]]) -> pa.StringArray:
    """Returns the texts that `texts` gives for the values of a column; it sees each text, time or whole number once.

    Millions of rows repeat a few thousand texts: 2.5 million changes between two scans take a third of the CPU as JSON.
    """
    kind = column.type
    if not (pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_timestamp(kind)):
        return pa.array(texts(column), pa.string())
    few = column.dictionary_encode(null_encoding="encode")
    return pa.array(texts(few.dictionary), pa.string()).take(few.indices)


def joined_rows(cells: Sequence[pa.StringArray], separator: str) -> list[str]:
    """Returns the cells of each row, which are at least one, with the separator between them."""
    rows: list[str] = pc.binary_join_element_wise(*cells, separator).to_pylist()
    return rows
