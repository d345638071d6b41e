"""Splits a segment table into the two Parquet files that keep it, and puts them together again.

The patches file has the rows of the table `patches`, those of one node after those of another. The nodes file has the
nodes in the same order, each with its number of patch rows, and names its patches file: it is written last, so that a
segment is there as a whole or not at all. The first release kept patches nested in the nodes, in one file.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.chunks import single
from scanner.core.columns import NODE_KEY
from scanner.core.errors import StoreError
from scanner.core.foreign_bytes import ForeignBytesError, decode_json
from scanner.core.repeated import repeated
from scanner.core.tables import CODED_SEGMENT, NODES_FILE, SEGMENT, STORED_PATCH
from scanner.store.columns import conform
from scanner.store.manifest import FileEntry
from scanner.store.segments import KEY_COLUMNS, REQUIRED, open_parquet, parquet_bytes, parquet_table

_KEY = [column.name for column in NODE_KEY]
_PATCHES_FILE = b"patchsweep.patches"  # The metadata of a nodes file that names its patches file, or says null
_NESTED = SEGMENT.field("patches")
#: The string columns of nodes whose values repeat; ids and addresses would gain nothing from a dictionary.
_REPEATING_OF_NODES = [
    field.name
    for field in NODES_FILE
    if field.type == pa.string() and field.name not in {"instance_id", "computer_name", "ip_address"}
]
#: All of them: most are short, and what a day or a package has is in thousands of rows.
_REPEATING_OF_PATCHES = [
    *_KEY,
    *(f"{f.name}.list.element" if pa.types.is_list(f.type) else f.name for f in STORED_PATCH),
]


class Nodes(Struct, frozen=True):
    """A decoded nodes file: `patches` names the file with its patches.

    Where the nodes file is of the first release, `table` is the whole segment.
    """

    table: pa.Table
    patches: FileEntry | None
    is_whole: bool


def encode_patches(segment: pa.Table) -> bytes | None:
    """Returns the patches file of a segment table, None if no node has patches."""
    nested = single(segment.column("patches"))
    rows = nested.flatten()
    if not len(rows):
        return None
    if not nested.value_lengths().equals(single(segment.column("patch_rows")).cast(pa.int32())):
        raise ValueError("patch_rows does not count the patches of each node")
    owners = nested.value_parent_indices()
    # Dictionaries of 200 nodes instead of 50,000 strings: a tenth less time, and the file is the same.
    keys = [repeated(segment.column(name), owners) for name in _KEY]
    del owners  # 8 bytes a row, while the file is made
    fields = [*(pa.field(name, key.type) for name, key in zip(_KEY, keys, strict=True)), *rows.type]
    table = pa.table([*keys, *rows.flatten()], schema=pa.schema(fields))
    # Without the Arrow schema in the file the dictionaries are read as plain strings.
    return parquet_bytes(table, _REPEATING_OF_PATCHES, stores_schema=False)


def encode_nodes(segment: pa.Table, patches: FileEntry | None) -> bytes:
    """Returns the nodes file of a segment table, which names its patches file."""
    nodes = segment.drop_columns(["patches"])
    metadata = {**(nodes.schema.metadata or {}), _PATCHES_FILE: msgspec.json.encode(patches)}
    # zstd sets itself up for each of 60 columns, which have a few hundred bytes: as long as all else, for 4 % less.
    return parquet_bytes(nodes.replace_schema_metadata(metadata), _REPEATING_OF_NODES, KEY_COLUMNS, compression="lz4")


def decode_nodes(data: bytes) -> Nodes:
    """Returns the nodes of a nodes file, with their patches where it holds them itself.

    Raises:
        StoreError: torn, not Parquet, or no segment; the text says which and leaves the name to the caller.
    """
    named = _named(data)
    if named is None:
        return Nodes(parquet_table(data, SEGMENT, required=REQUIRED), None, is_whole=True)
    table = parquet_table(data, NODES_FILE, required=REQUIRED - {"patches"})
    return Nodes(table, _patches_file(named), is_whole=False)


def named_patches(data: bytes) -> FileEntry | None:
    """Returns the patches file that a nodes file names, None if it names none; raises as `decode_nodes` does."""
    named = _named(data)
    return None if named is None else _patches_file(named)


def _named(data: bytes) -> bytes | None:
    with open_parquet(data) as file:
        named: bytes | None = (file.schema_arrow.metadata or {}).get(_PATCHES_FILE)
        return named


def _patches_file(named: bytes) -> FileEntry | None:
    try:
        return None if named == b"null" else decode_json(named, FileEntry)
    except ForeignBytesError as error:
        raise StoreError(f"what it says of its patches file is damaged ({error})") from error


def join(nodes: pa.Table, patches: bytes | None) -> pa.Table:
    """Returns the segment table of a nodes file and the bytes of its patches file.

    Raises:
        StoreError: the patches file is damaged, or has the rows of other nodes.
    """
    return _joined(nodes, patches, _NESTED)


def join_coded(nodes: pa.Table, patches: bytes | None) -> pa.Table:
    """Returns the same with the texts of patches as dictionaries, as the file has them; raises as `join` does."""
    return _joined(nodes, patches, CODED_SEGMENT.field("patches"))


def _joined(nodes: pa.Table, patches: bytes | None, field: pa.Field) -> pa.Table:
    return nodes.add_column(SEGMENT.get_field_index("patches"), field, nested_patches(nodes, patches, field.type))


def nested_patches(nodes: pa.Table, patches: bytes | None, kind: pa.ListType) -> pa.ListArray:
    """Returns the patches of each node as a list of structs with the members of `kind`; raises as `join` does."""
    members = list(kind.value_type)
    schema = pa.schema(members)
    rows = schema.empty_table() if patches is None else parquet_table(patches, schema)
    offsets = row_offsets(nodes, len(rows))
    structs = pa.StructArray.from_arrays([single(column) for column in rows.columns], fields=members)
    return pa.ListArray.from_arrays(offsets, structs, type=kind)


def row_offsets(nodes: pa.Table, rows: int) -> pa.Array:
    """Returns where the patches of each node begin in a patches file of so many rows, and where the last ones end.

    Raises:
        StoreError: the nodes have another number of patch rows.
    """
    counts = pc.fill_null(single(nodes.column("patch_rows")), 0)
    wanted = pc.sum(counts).as_py() or 0
    if wanted != rows:
        raise StoreError(f"its nodes have {wanted} patch rows, its patches file has {rows}")
    return pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(counts)]).cast(pa.int32())


def part_of_patches(names: Collection[str]) -> pa.ListType:
    """Returns the type of nested patches with these members alone."""
    members = [field for field in STORED_PATCH if field.name in names]
    return pa.list_(_NESTED.type.value_field.with_type(pa.struct(members)))


def decode_part(data: bytes, kind: pa.ListType) -> pa.Table:
    """Returns of a nodes file that holds its patches itself those members of them that `kind` has."""
    with open_parquet(data) as file:
        table = file.read(columns=[f"patches.list.element.{field.name}" for field in kind.value_type])
    return conform(table, pa.schema([pa.field("patches", kind)]), required=["patches"])
