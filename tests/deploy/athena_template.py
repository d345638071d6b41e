"""Athena's tables as a CloudFormation template, written from the data dictionary."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from scanner.core.column import Column, Table
from scanner.core.columns import DICTIONARY

_HEAD = """\
# Written from the data dictionary by `python -m tests.generated`.
AWSTemplateFormatVersion: "2010-09-09"
Description: >-
  Athena tables over what patchsweep's parquet sink keeps in S3. Partition projection by day: no crawler, no repair, and
  no list of accounts or Regions.

Parameters:
  TablesLocation:
    Type: String
    Description: Where the sink writes, without a slash at the end; the hub stack's TablesLocation.
    AllowedPattern: s3://[a-z0-9.-]{3,63}(/[^/]+)*
  FirstDay:
    Type: String
    Description: >-
      The day of the oldest scan. Athena looks for no earlier one, and a query that names no scan_date looks at every
      day since.
    Default: "2026-01-01"
    AllowedPattern: \\d{4}-\\d{2}-\\d{2}

Resources:
  Database:
    Type: AWS::Glue::Database
    Properties:
      CatalogId: !Ref AWS::AccountId
      DatabaseInput:
        Description: The patches of every managed node, as patchsweep read and verified them
"""
_TABLE = """
  {resource}:
    Type: AWS::Glue::Table
    Properties:
      CatalogId: !Ref AWS::AccountId
      DatabaseName: !Ref Database
      TableInput:
        Name: {name}
        Description: "{description}"
        TableType: EXTERNAL_TABLE
        Parameters:
          classification: parquet
          projection.enabled: "true"
          projection.scan_date.type: date
          projection.scan_date.format: yyyy-MM-dd
          projection.scan_date.range: !Sub ${{FirstDay}},NOW
          projection.scan_date.interval: "1"
          projection.scan_date.interval.unit: DAYS
        PartitionKeys:
          - Name: scan_date
            Type: string
            Comment: "Day in UTC on which the scan started, as YYYY-MM-DD."
        StorageDescriptor:
          Location: !Sub ${{TablesLocation}}/{name}/
          InputFormat: org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat
          OutputFormat: org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat
          SerdeInfo:
            SerializationLibrary: org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe
          Columns:
"""
_COLUMN = """\
            - Name: {name}
              Type: {type}
              Comment: "{description}"
"""
_TAIL = """
Outputs:
  DatabaseName:
    Value: !Ref Database
"""


def athena_template() -> str:
    """Returns the whole template."""
    return "".join([_HEAD, *(part for table in DICTIONARY.values() for part in _table(table)), _TAIL])


def _table(table: Table) -> Iterator[str]:
    yield _TABLE.format(resource=f"{table.name.capitalize()}Table", name=table.name, description=table.description)
    yield from map(_column, table.columns)


def _column(column: Column) -> str:
    return _COLUMN.format(name=column.name, type=glue_type(column.type), description=column.description)


def glue_type(kind: pa.DataType) -> str:
    """Returns Glue's name of an Arrow type."""
    if pa.types.is_list(kind):
        return f"array<{glue_type(kind.value_type)}>"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    return {pa.string(): "string", pa.int64(): "bigint", pa.bool_(): "boolean"}[kind]
