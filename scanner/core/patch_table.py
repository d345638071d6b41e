"""Patch rows as Arrow columns, put into patchsweep's words a segment at a time: no Python object for any value."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain, groupby
from operator import attrgetter

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.column import TIME
from scanner.core.columns import PATCH_COLUMNS
from scanner.core.normalize import END_OF_TIME_MS, cve_ids
from scanner.core.patch_rows import PageRows, PatchRows
from scanner.core.state_names import documented_state

#: Rows as AWS lists them: times in epoch seconds, "" and 0 where there is nothing.
LISTED = pa.struct(
    [
        ("kb_id", pa.string()),
        ("title", pa.string()),
        ("classification", pa.string()),
        ("severity", pa.string()),
        ("state", pa.string()),
        ("installed_time", pa.float64()),
        ("cve_ids", pa.string()),
    ]
)
NONE_LISTED = pa.array([], LISTED)
#: The same rows as the `patches` table has them: null where unknown, documented states, CVE ids sorted and unique.
PATCH = pa.struct([column.field for column in PATCH_COLUMNS])


def listed(rows_by_node: Iterable[PatchRows]) -> pa.StructArray:
    """Returns the rows of these nodes one after the other, as `LISTED`."""
    runs = groupby(chain.from_iterable(rows.pages for rows in rows_by_node), key=attrgetter("separator"))
    parts = [_parted(list(run), separator) for separator, run in runs] or [NONE_LISTED]
    return parts[0] if len(parts) == 1 else pa.concat_arrays(parts)


def _parted(pages: Sequence[PageRows], separator: str) -> pa.StructArray:
    joined = zip(*(page.texts for page in pages), strict=True)
    *texts, cves = (pc.split_pattern(_strings(column), separator).flatten() for column in joined)
    times = b"".join([page.times for page in pages])
    seconds = pa.Array.from_buffers(pa.float64(), len(cves), [None, pa.py_buffer(times)])
    return pa.StructArray.from_arrays([*texts, seconds, cves], fields=list(LISTED))


def _strings(texts: Sequence[str]) -> pa.StringArray:
    """Does what `pa.array` does in a quarter of the time, which the event loop waits for where texts are large."""
    encoded = [text.encode() for text in texts]
    offsets = array("i", accumulate(map(len, encoded), initial=0))
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def in_words(rows: pa.StructArray) -> pa.StructArray:
    """Returns `LISTED` rows as `PATCH` rows, in their order."""
    kb_id, title, classification, severity, state, installed_time, cves = rows.flatten()
    return pa.StructArray.from_arrays(
        [
            pc.fill_null(kb_id, ""),
            _known(title),
            _known(classification),
            _known(severity),
            _translated(state, documented_state, pa.string()),
            _times(installed_time),
            _translated(cves, cve_ids, pa.list_(pa.string())),
        ],
        fields=list(PATCH),
    )


def _known(texts: pa.Array) -> pa.Array:
    is_empty = pc.equal(texts, "")
    return pc.if_else(is_empty, None, texts) if pc.any(is_empty).as_py() else texts


def _times(seconds: pa.Array) -> pa.Array:
    """Returns times as `scanner.core.normalize.epoch_ms` does one by one."""
    milliseconds = pc.round(pc.multiply(seconds, 1000.0), round_mode="half_to_even")
    is_known = pc.and_(pc.greater(milliseconds, 0.0), pc.less(milliseconds, float(END_OF_TIME_MS)))
    return pc.if_else(is_known, milliseconds, None).cast(pa.int64()).cast(TIME)


def _translated(texts: pa.Array, word: Callable[[str], object], kind: pa.DataType) -> pa.Array:
    """Returns what `word` makes of each text (of "" where there is none), computed once for equal texts."""
    few = pc.fill_null(texts, "").dictionary_encode()
    return pa.array([word(text) for text in few.dictionary.to_pylist()], kind).take(few.indices)
