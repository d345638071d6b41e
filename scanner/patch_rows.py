"""Patches as columns: gathered a node at a time as AWS lists them, put into patchsweep's words a segment at a time.

A Python object for each value would cost several times what reading it off the wire does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from scanner.model import Patch, documented_state
from scanner.spelling import END_OF_TIME_MS, cve_ids, epoch_s

TIME = pa.timestamp("ms", tz="UTC")
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
"""Rows as AWS lists them, times in epoch seconds."""
NONE_LISTED = pa.array([], LISTED)
_LISTED_FIELDS = list(LISTED)
PATCH = pa.struct(
    [
        pa.field("kb_id", pa.string(), nullable=False),
        ("title", pa.string()),
        ("classification", pa.string()),
        ("severity", pa.string()),
        pa.field("state", pa.string(), nullable=False),
        ("installed_time", TIME),
        pa.field("cve_ids", pa.list_(pa.string()), nullable=False),
    ]
)
"""The same rows in patchsweep's words: unknown is null, states are the documented ones, CVE ids sorted and unique."""


def listed(rows: Sequence[Patch]) -> pa.StructArray:
    """Rows in the order given, duplicates too, as `LISTED`."""
    texts = [row.kb_id for row in rows]
    texts += [row.title for row in rows]
    texts += [row.classification for row in rows]
    texts += [row.severity for row in rows]
    texts += [row.state for row in rows]
    texts += [row.cve_ids for row in rows]
    # One call for all texts: what a call costs by itself is as much as fifty of them.
    count = len(rows)
    text = pa.array(texts, pa.string(), size=len(texts))
    kb_id, title, classification, severity, state, cves = (text.slice(at * count, count) for at in range(6))
    seconds = _seconds([row.installed_time for row in rows])
    columns = [kb_id, title, classification, severity, state, seconds, cves]
    return pa.StructArray.from_arrays(columns, fields=_LISTED_FIELDS)


def in_words(rows: pa.StructArray) -> pa.StructArray:
    """`LISTED` rows as `PATCH` rows, in their order."""
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


def _seconds(times: Sequence[float | str | None]) -> pa.Array:
    try:
        return pa.array(times, pa.float64(), size=len(times))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # The service writes numbers; that others may write text is all the model says.
        return pa.array([epoch_s(time) if isinstance(time, str) else time for time in times], pa.float64())


def _known(texts: pa.Array) -> pa.Array:
    is_empty = pc.equal(texts, "")
    return pc.if_else(is_empty, None, texts) if pc.any(is_empty).as_py() else texts


def _times(seconds: pa.Array) -> pa.Array:
    """As `scanner.spelling.epoch_ms` does it for one."""
    milliseconds = pc.round(pc.multiply(seconds, 1000.0), round_mode="half_to_even")
    is_known = pc.and_(pc.greater(milliseconds, 0.0), pc.less(milliseconds, float(END_OF_TIME_MS)))
    return pc.if_else(is_known, milliseconds, None).cast(pa.int64()).cast(TIME)


def _translated(texts: pa.Array, word: Callable[[str], object], kind: pa.DataType) -> pa.Array:
    """What `word` makes of each text (of "" where there is none), worked out once for all that are equal."""
    few = pc.fill_null(texts, "").dictionary_encode()
    return pa.array([word(text) for text in few.dictionary.to_pylist()], kind).take(few.indices)
