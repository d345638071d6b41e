"""Reads the files in which a scan keeps the rows that reports are made of, with numbers in place of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scanner.core.chunks import single
from scanner.core.coded_rows import NODE, PATCH, CodedRows, coded
from scanner.core.relevant_rows import NODES_TABLE, PATCHES_TABLE, ROWS, ROWS_TABLE, TIMES


def kept_rows(files: Mapping[str, Path], columns: Sequence[str]) -> CodedRows:
    """Returns the rows of a scan by the files of its tables; they have those times that are among the columns.

    Raises:
        pyarrow.ArrowException: a file cannot be read.
    """
    rows = pa.schema([field for field in ROWS if field.name not in TIMES or field.name in columns])
    return CodedRows(
        _read(files[ROWS_TABLE], rows),
        _read(files[NODES_TABLE], coded(NODE)),
        _read(files[PATCHES_TABLE], coded(PATCH)),
    )


def kept_names(path: Path, columns: Sequence[str]) -> pa.Table:
    """Returns the rows of a file of distinct patches that name CVEs; the columns are as `coded` has them.

    Raises:
        pyarrow.ArrowException: the file cannot be read.
    """
    table = _read(path, coded(columns))
    return table.filter(pc.greater(pc.list_value_length(single(table.column("cve_ids"))), 0))


def _read(path: Path, schema: pa.Schema) -> pa.Table:
    """Returns the columns of a file, each in one piece."""
    texts = [_leaf(field) for field in schema if not pa.types.is_primitive(field.type)]
    with pq.ParquetFile(path, read_dictionary=texts, pre_buffer=False) as file:
        table = file.read(columns=schema.names, use_threads=False)
    return table.cast(schema).unify_dictionaries().combine_chunks()


def _leaf(field: pa.Field) -> str:
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
