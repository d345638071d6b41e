"""Brings a table that another version wrote to the columns of this one."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from scanner.core.errors import StoreError


def conform(table: pa.Table, schema: pa.Schema, required: Collection[str] = ()) -> pa.Table:
    """Returns the table with exactly the columns of the schema, in its order.

    A column or a member of a nested column that is missing is filled with nulls; those that the schema does not know
    are left out. A table that has the schema already is returned as it is.

    Raises:
        StoreError: a `required` or not nullable column is missing, or one has another type; the text names the column.
    """
    if table.schema.equals(schema):
        return table
    columns = [_column(table, field, is_required=field.name in required) for field in schema]
    return pa.table(columns, schema=schema)


def _column(table: pa.Table, field: pa.Field, *, is_required: bool) -> pa.ChunkedArray:
    places = table.schema.get_all_field_indices(field.name)
    if len(places) > 1:
        raise StoreError(f"it has the column {field.name} {len(places)} times")
    if not places:
        if is_required:
            raise StoreError(f"it lacks the column {field.name}")
        return pa.chunked_array([_nulls(len(table), field, field.name)])
    column = table.column(places[0])
    return pa.chunked_array([_array(chunk, field, field.name) for chunk in column.chunks], field.type)


def _array(array: pa.Array, field: pa.Field, name: str) -> pa.Array:
    """Returns the values in the field's type: the same type, or a list or struct with other members inside."""
    if not field.nullable and array.null_count:
        raise StoreError(f"its column {name} has nulls")
    if array.type.equals(field.type):
        return array
    mask = array.is_null() if array.null_count else None
    if pa.types.is_list(array.type) and pa.types.is_list(field.type):
        values = _array(array.values, field.type.value_field, f"{name}.{field.type.value_field.name}")
        return pa.ListArray.from_arrays(array.offsets, values, type=field.type, mask=mask)
    if pa.types.is_struct(array.type) and pa.types.is_struct(field.type):
        members = [_member(array, member, f"{name}.{member.name}") for member in field.type]
        return pa.StructArray.from_arrays(members, fields=list(field.type), mask=mask)
    raise StoreError(f"its column {name} has the type {array.type} where {field.type} is expected")


def _member(array: pa.StructArray, field: pa.Field, name: str) -> pa.Array:
    place = array.type.get_field_index(field.name)
    return _nulls(len(array), field, name) if place < 0 else _array(array.field(place), field, name)


def _nulls(length: int, field: pa.Field, name: str) -> pa.Array:
    if not field.nullable:
        raise StoreError(f"it lacks the column {name}")
    return pa.nulls(length, field.type)
