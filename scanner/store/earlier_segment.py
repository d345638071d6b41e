"""A segment of a committed scan from which nodes of a new scan take rows."""

from __future__ import annotations

import msgspec
import pyarrow as pa
from anyio import to_thread
from msgspec import Struct

from scanner.core.errors import StoreError
from scanner.core.foreign_bytes import ForeignBytesError, decode_json
from scanner.core.interfaces import Files
from scanner.core.scan_request import PatchFilters
from scanner.core.state_names import CARRIED_STATES, NOT_APPLICABLE
from scanner.files.names import checked
from scanner.store.carried_rows import with_carried_rows
from scanner.store.layout import ScanNames, is_scan_id
from scanner.store.manifest import FileEntry
from scanner.store.segment_parts import join_coded
from scanner.store.segment_reader import read_segment


class EarlierSegment(Struct, frozen=True):
    """Such a segment, by its nodes file, and the filters of the new scan."""

    files: Files
    entry: FileEntry
    patches: PatchFilters

    async def carried(self, nodes: pa.Table) -> pa.Table:
        """Returns these nodes of the new scan, a segment table, with the rows that are stored for them.

        Raises:
            StoreError: the segment is missing or damaged; the text names it.
        """
        stored = await read_segment(self.files, names_of(self.entry), self.entry, join_coded)
        unwanted = () if self.patches.not_applicable else (NOT_APPLICABLE,)
        carried = CARRIED_STATES if unwanted else (*CARRIED_STATES, NOT_APPLICABLE)
        return await to_thread.run_sync(with_carried_rows, nodes, stored, carried, unwanted)


def names_of(entry: FileEntry) -> ScanNames:
    """Returns the names of the scan that has this segment; raises `StoreError` if it is no segment of any."""
    scan_id = checked(entry.name).partition("/")[2].partition("/")[0]
    if not is_scan_id(scan_id) or not entry.name.startswith(ScanNames(scan_id).segments):
        raise StoreError(f"{entry.name} is no segment of a scan")
    return ScanNames(scan_id)


def entry_text(entry: FileEntry) -> str:
    """Returns the name, digest and size of a segment as text, from which `entry_from` makes them again."""
    return msgspec.json.encode(FileEntry(entry.name, entry.sha256, entry.bytes)).decode()


def entry_from(text: str) -> FileEntry:
    """Returns what `entry_text` wrote; raises `StoreError` for another text."""
    try:
        return decode_json(text.encode(), FileEntry)
    except ForeignBytesError as error:
        raise StoreError(f"what it says of an earlier segment is damaged ({error})") from error
