"""What a committed scan holds of a node, as far as it decides whether its rows may be carried over."""

from __future__ import annotations

from hashlib import blake2b

from msgspec import Struct

from scanner.core.model import EpochMs, PatchState


class WholeReading(Struct, frozen=True, gc=False, array_like=True):
    """The last reading of all of a node's patches, with the counts and the baseline that held then.

    `operation` identifies the patching operation of the scan that holds the node; `is_whole` is whether all rows belong
    to it. Else the installed ones were carried over: they were read at `read_at` and are as of `as_of`, the end of an
    earlier operation. `segment` and `row` say where the node lies among the segments that were looked through.
    """

    operation: bytes | None
    is_whole: bool
    read_at: EpochMs
    as_of: EpochMs | None
    baseline_id: str | None
    installed_count: int | None
    installed_other_count: int | None
    last_no_reboot_install_time: EpochMs | None
    segment: int
    row: int


def operation_id(state: PatchState) -> bytes | None:
    """Returns what identifies the state's patching operation; equal ones mean equal rows.

    None: it has no snapshot id or no end time, so that nothing tells one operation from the next. A digest of 16 bytes
    takes a fiftieth of the memory of the values, of which a scan keeps one set a node.
    """
    if state.snapshot_id is None or state.operation_end_time is None:
        return None
    return blake2b(repr(state.fingerprint).encode("utf-8", "surrogatepass"), digest_size=16).digest()
