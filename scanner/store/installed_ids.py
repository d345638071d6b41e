"""The KB ids of each node's installed patches, as small numbers: a missing patch of the same id proves them old."""

from __future__ import annotations

from array import array
from collections.abc import Collection
from itertools import accumulate
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.chunks import single

INSTALLED = "INSTALLED"


class InstalledIds:
    """The installed KB ids of the nodes of one segment.

    Of an id the CRC-32 is kept, 4 bytes: a patch that by chance has the number of another costs one whole reading. Ids
    that a node lists more than once, such as that of a kernel with several versions, are left out: they prove nothing.
    """

    def __init__(self, patches: pa.ListArray) -> None:
        """Takes the patches of each node, with their `kb_id` and `state` at least."""
        rows = patches.flatten()
        table = pa.table(
            {
                "node": patches.value_parent_indices().cast(pa.int64()),
                "number": _numbers(rows.field("kb_id")),
                "is_installed": pc.equal(rows.field("state"), INSTALLED),
            }
        )
        ids = table.group_by(["node", "number"]).aggregate([([], "count_all"), ("is_installed", "all")])
        ids = ids.filter(pc.and_(pc.equal(ids["count_all"], 1), ids["is_installed_all"])).sort_by("node")
        counts = {each["values"]: each["counts"] for each in ids["node"].value_counts().to_pylist()}
        self._numbers = single(ids["number"])
        self._starts = array("q", accumulate((counts.get(node, 0) for node in range(len(patches))), initial=0))

    def has_any(self, row: int, kb_ids: Collection[str]) -> bool:
        """Returns whether the node in this row of the segment has one of these ids installed, in a single version."""
        if not kb_ids:
            return False
        start, end = self._starts[row], self._starts[row + 1]
        held = self._numbers.slice(start, end - start).to_pylist()
        return not {_number(kb_id) for kb_id in kb_ids}.isdisjoint(held)


def _numbers(kb_ids: pa.StringArray) -> pa.Array:
    few = kb_ids.dictionary_encode()
    return pa.array([_number(kb_id) for kb_id in few.dictionary.to_pylist()], pa.uint32()).take(few.indices)


def _number(kb_id: str) -> int:
    return crc32(kb_id.encode("utf-8", "surrogatepass"))
