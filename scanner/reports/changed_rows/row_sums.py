"""Sums up patch rows as numbers of 64 bits, so that two lists of rows are equal where their sums are.

A row is the product of a number for each of its texts, modulo 2 to the 64th. A sum of products that is 0 for other
reasons than equal rows is as rare as a collision of hashes: one in some 10^18.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.state_names import NOT_APPLICABLE

COMPARED_COLUMNS = ("kb_id", "title", "state")
#: What the hash of a text is multiplied by, and what is added, so that one text counts otherwise in each column.
_MIXED = {
    "kb_id": (0x1E3779B97F4A7C15, 0x2545F4914F6CDD1D),
    "title": (0x3F58476D1CE4E5B9, 0x14D049BB133111EB),
    "state": (0x12B9B0A1F3C5D7E9, 0x369DEA0F31A53F85),
}
_OF_NULL = 0x5851F42D4C957F2D


def row_numbers(rows: pa.Table) -> pa.Array:
    """Returns the number of each row, by its `COMPARED_COLUMNS` as dictionaries.

    It is 0 for what does not apply, which makes no difference: AWS cuts the list of it short, and lean scans do not
    read it.
    """
    kb_id, title, state = (_text_numbers(rows, name) for name in COMPARED_COLUMNS)
    return pc.multiply(pc.multiply(kb_id, title), state)


def _text_numbers(rows: pa.Table, name: str) -> pa.Array:
    column = rows.column(name).chunk(0)
    factor, added = _MIXED[name]
    hashes = pa.array(map(hash, column.dictionary.to_pylist()), pa.int64(), size=len(column.dictionary))
    numbers = pc.add(pc.multiply(hashes, factor), added)
    if name == "state":
        numbers = pc.if_else(pc.equal(column.dictionary, NOT_APPLICABLE), 0, numbers)
    return pc.fill_null(numbers.take(column.indices), _OF_NULL)


def run_sums(numbers: pa.Array, offsets: pa.Array) -> pa.Array:
    """Returns the sum of each run of rows; the offsets are where runs begin, and where the last one ends."""
    before = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(numbers)]).take(offsets)
    return pc.subtract(before.slice(1), before.slice(0, len(before) - 1))
