"""Texts that repeat, as Arrow dictionaries: each distinct text once, and for each row which of them it has."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.chunks import single

#: The type of texts as a dictionary.
CODED = pa.dictionary(pa.int32(), pa.string())


def coded_type(kind: pa.DataType) -> pa.DataType:
    """Returns the type of texts as a dictionary, and any other type as it is."""
    return CODED if kind == pa.string() else kind


def coded_struct(kind: pa.StructType) -> pa.StructType:
    """Returns the type of rows whose texts are dictionaries."""
    return pa.struct([field.with_type(coded_type(field.type)) for field in kind])


def recoded(column: pa.DictionaryArray, texts: pa.StringArray) -> pa.DictionaryArray:
    """Returns the column with these texts, which may be null or equal, in place of those of its dictionary."""
    few = texts.dictionary_encode()
    return pa.DictionaryArray.from_arrays(few.indices.take(column.indices), few.dictionary)


def repeated(column: pa.ChunkedArray, places: pa.Array) -> pa.DictionaryArray:
    """Returns the texts at these places as a dictionary: of 200 nodes rather than of 50,000 rows."""
    few = single(column).dictionary_encode()
    return pa.DictionaryArray.from_arrays(few.indices.take(places), few.dictionary)


def are_among(column: pa.Array, texts: Sequence[str]) -> pa.BooleanArray:
    """Returns of each text whether it is one of these; of a dictionary each distinct text is looked up once."""
    wanted = pa.array(texts, pa.string())
    if not pa.types.is_dictionary(column.type):
        return pc.is_in(column, wanted)
    found = pc.is_in(column.dictionary, wanted).take(column.indices)
    return pc.fill_null(found, False) if found.null_count else found


def few_texts(column: pa.Array) -> pa.Array:
    """Returns texts as a dictionary that has no others than the column has, and any other column as it is."""
    if not pa.types.is_dictionary(column.type):
        return column.dictionary_encode() if column.type == pa.string() else column
    used = column.indices.dictionary_encode()
    return pa.DictionaryArray.from_arrays(used.indices, column.dictionary.take(used.dictionary))


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
