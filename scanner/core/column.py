"""What a table and a column of the data dictionary consist of."""

from __future__ import annotations

import pyarrow as pa
from msgspec import Struct

from scanner.core.without_pandas import settle_without_pandas

settle_without_pandas()  # here, since whatever makes arrays imports this module first

TEXT = pa.string()
TEXTS = pa.list_(pa.string())
COUNT = pa.int64()
FLAG = pa.bool_()  # true or false, and null where neither is known
TIME = pa.timestamp("ms", tz="UTC")


class Column(Struct, frozen=True):
    """A column: what it means, with the AWS member it comes from and its unit, and its Arrow type."""

    name: str
    description: str
    type: pa.DataType = TEXT
    is_nullable: bool = True

    @property
    def field(self) -> pa.Field:
        """Returns the column as a field of an Arrow schema."""
        return pa.field(self.name, self.type, nullable=self.is_nullable)


class Table(Struct, frozen=True):
    """A table: what one row of it is, and its columns in order."""

    name: str
    description: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """Returns the table's Arrow schema."""
        return pa.schema([column.field for column in self.columns])
