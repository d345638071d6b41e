"""A Parquet file of a store elsewhere, on this machine: its length and its footer first, columns as they are wanted.

The bytes lie where they lie in the file itself, so that any reader of Parquet takes it for the file. What was not
brought is a hole: zeros, which no reader takes for a page, and which take no room on the disk.
"""

from __future__ import annotations

import os
from array import array
from collections import defaultdict
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
from msgspec import Struct

from scanner.files.disk_errors import as_store_error
from scanner.store.blocks import Span, read_checksums
from scanner.store.manifest import FooterEntry
from scanner.store.segments import BLOCKS

MAGIC = b"PAR1"
_TAIL = len(MAGIC) + 4  # the length of the footer, then the magic


def footer_of(data: bytes) -> FooterEntry:
    """Returns where the footer of a whole Parquet file begins, and its digest."""
    size = int.from_bytes(data[-_TAIL : -len(MAGIC)], "little") + _TAIL
    return FooterEntry(size, digest_of_footer(data[-size:]))


def digest_of_footer(footer: bytes) -> str:
    """Returns 16 hexadecimal digits of its SHA-256."""
    return sha256(footer).hexdigest()[:16]


def create(path: Path, length: int, footer: bytes) -> None:
    """Writes a file that is hollow but for its magic and its footer; raises `StoreError` where the disk is full."""
    with as_store_error("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            os.truncate(file.fileno(), length)
            file.write(MAGIC)
            file.seek(length - len(footer))
            file.write(footer)


def fill(path: Path, pieces: Mapping[int, bytes]) -> None:
    """Writes bytes at their places; raises `StoreError` where the disk is full."""
    with as_store_error("write", path), path.open("r+b") as file:
        for start, data in pieces.items():
            file.seek(start)
            file.write(data)


class Layout(Struct, frozen=True):
    """Where the columns of a file lie, by name, a nested one with all its members; and the checksums of its blocks."""

    spans: dict[str, list[Span]]
    checksums: array[int]


def layout_of(path: Path) -> Layout:
    """Returns what the footer of a hollow file says."""
    spans: dict[str, list[Span]] = defaultdict(list)
    metadata = pq.read_metadata(path)
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for chunk in map(group.column, range(group.num_columns)):
            first = chunk.dictionary_page_offset
            start = chunk.data_page_offset if first is None else min(first, chunk.data_page_offset)
            spans[chunk.path_in_schema.partition(".")[0]].append((start, chunk.total_compressed_size))
    return Layout(dict(spans), read_checksums(metadata.metadata[BLOCKS]))
