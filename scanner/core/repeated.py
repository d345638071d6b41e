"""Texts that repeat, as Arrow dictionaries: each distinct text once, and for each row which of them it has."""

from __future__ import annotations

import pyarrow as pa

from scanner.core.chunks import single


def coded_type(kind: pa.DataType) -> pa.DataType:
    """Returns the type of texts as a dictionary, and any other type as it is."""
    return pa.dictionary(pa.int32(), kind) if kind == pa.string() else kind


def repeated(column: pa.ChunkedArray, places: pa.Array) -> pa.DictionaryArray:
    """Returns the texts at these places as a dictionary: of 200 nodes rather than of 50,000 rows."""
    few = single(column).dictionary_encode()
    return pa.DictionaryArray.from_arrays(few.indices.take(places), few.dictionary)


def is_coded(schema: pa.Schema | pa.StructType) -> bool:
    """Returns whether a column of the table, or a member of the struct, is a dictionary."""
    return any(pa.types.is_dictionary(field.type) for field in schema)


def coded(table: pa.Table) -> pa.Table:
    """Returns the table with its texts as dictionaries."""
    columns = [column.dictionary_encode() if column.type == pa.string() else column for column in table.columns]
    return pa.table(columns, schema=pa.schema([field.with_type(coded_type(field.type)) for field in table.schema]))


def plain(table: pa.Table) -> pa.Table:
    """Returns the table with its dictionaries as texts."""
    if not is_coded(table.schema):
        return table
    fields = [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields))
