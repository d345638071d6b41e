"""The rows of a table by account and Region, held back until there are enough for a file."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.errors import SinkError

PARTITION_COLUMNS = ["account_id", "region"]
_ACCOUNT_ID = re.compile(r"\d{12}\Z", re.ASCII)
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z0-9]+)+\Z")
_PIECE_ROWS = 50
"""What the columns of a piece take in memory besides their rows, in rows."""


class Partition(Struct, frozen=True):
    """One account and Region of a table. Its folder holds no other outside text, so nothing can lead out of it."""

    table: str
    account_id: str
    region: str

    def __post_init__(self) -> None:
        if not (_ACCOUNT_ID.match(self.account_id) and _REGION.match(self.region)):
            raise SinkError(
                f"account {self.account_id!r} and Region {self.region!r} cannot name a folder of Parquet files"
            )

    @property
    def folder(self) -> str:
        return f"{self.table}/account_id={self.account_id}/region={self.region}"


def split(name: str, table: pa.Table) -> Iterator[tuple[Partition, pa.Table]]:
    """The rows of each partition in their order, without the columns that the folder tells."""
    keys = pc.binary_join_element_wise(*(table.column(column) for column in PARTITION_COLUMNS), "/")
    order = pc.sort_indices(keys)
    runs = pc.run_end_encode(keys.take(order).combine_chunks())
    rest = table.drop_columns(PARTITION_COLUMNS)
    start = 0
    for key, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        account_id, _, region = key.partition("/")
        # `take` copies: a slice would keep the rows of every other partition in memory.
        yield Partition(name, account_id, region), rest.take(order.slice(start, end - start))
        start = end


class PartitionBuffer:
    """Rows by partition, never many more than `max_rows` of them in all."""

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._pieces: dict[Partition, list[pa.Table]] = {}
        self._weights: dict[Partition, int] = {}

    def add(self, partition: Partition, table: pa.Table) -> None:
        self._pieces.setdefault(partition, []).append(table)
        self._weights[partition] = self._weights.get(partition, 0) + table.num_rows + _PIECE_ROWS

    def overflow(self) -> Iterator[tuple[Partition, pa.Table]]:
        """If there are too many rows, the largest partitions, until half of what is allowed is left."""
        held = sum(self._weights.values())
        if held <= self._max_rows:
            return
        for partition in sorted(self._weights, key=self._weights.__getitem__, reverse=True):
            if held <= self._max_rows // 2:
                return
            held -= self._weights[partition]
            yield partition, self._pop(partition)

    def rest(self) -> Iterator[tuple[Partition, pa.Table]]:
        """All that is left."""
        for partition in list(self._pieces):
            yield partition, self._pop(partition)

    def _pop(self, partition: Partition) -> pa.Table:
        del self._weights[partition]
        return pa.concat_tables(self._pieces.pop(partition)).combine_chunks()
