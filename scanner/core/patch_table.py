"""Patch rows as Arrow columns, put into patchsweep's words a segment at a time: no Python object for any value."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain, groupby
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.column import TIME
from scanner.core.columns import PATCH_COLUMNS
from scanner.core.normalize import END_OF_TIME_MS, cve_ids
from scanner.core.patch_rows import OTHER_TEXTS, ROW_TEXTS, WORD_TEXTS, WORDS, PageRows, PatchRows
from scanner.core.state_names import documented_state

T = TypeVar("T")

_WORD = pa.dictionary(pa.int32(), pa.string())
#: Rows as AWS lists them: times in epoch seconds, "" and 0 where there is nothing.
LISTED = pa.struct(
    [
        ("kb_id", pa.string()),
        ("title", pa.string()),
        ("classification", _WORD),
        ("severity", _WORD),
        ("state", _WORD),
        ("installed_time", pa.float64()),
        ("cve_ids", pa.string()),
    ]
)
NONE_LISTED = pa.array([], LISTED)
#: The same rows as the `patches` table has them: null where unknown, documented states, CVE ids sorted and unique.
PATCH = pa.struct([column.field for column in PATCH_COLUMNS])


def listed(rows_by_node: Iterable[PatchRows]) -> pa.StructArray:
    """Returns the rows of these nodes one after the other, as `LISTED`."""
    pages = chain.from_iterable(rows.pages for rows in rows_by_node)
    runs = groupby(pages, key=lambda page: (page.separator, bool(page.numbers)))
    parts = [_parted(list(run), separator) for (separator, _), run in runs] or [NONE_LISTED]
    return parts[0] if len(parts) == 1 else pa.concat_arrays(parts)


def _parted(pages: Sequence[PageRows], separator: str) -> pa.StructArray:
    """Returns the rows of pages that have the same separator, and that have numbers or have none."""
    texts = [pc.split_pattern(_strings(each), separator).flatten() for each in _by_column(page.texts for page in pages)]
    if pages[0].numbers:
        columns = dict(zip(OTHER_TEXTS, texts, strict=True))
        columns |= dict(zip(WORD_TEXTS, map(_words, _by_column(page.numbers for page in pages)), strict=True))
    else:
        columns = dict(zip(ROW_TEXTS, texts, strict=True))
        columns |= {name: columns[name].dictionary_encode() for name in WORD_TEXTS}
    times = b"".join([page.times for page in pages])
    columns["installed_time"] = pa.Array.from_buffers(pa.float64(), len(texts[0]), [None, pa.py_buffer(times)])
    return pa.StructArray.from_arrays([columns[field.name] for field in LISTED], fields=list(LISTED))


def _by_column(pages: Iterable[tuple[T, ...]]) -> Iterable[tuple[T, ...]]:
    return zip(*pages, strict=True)


def _words(numbers: Sequence[bytes]) -> pa.DictionaryArray:
    joined = b"".join(numbers)
    places = pa.Array.from_buffers(pa.uint8(), len(joined), [None, pa.py_buffer(joined)])
    return pa.DictionaryArray.from_arrays(places.cast(pa.int32()), pa.array(WORDS.names, pa.string()))


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
            _translated(classification, _known_word, pa.string()),
            _translated(severity, _known_word, pa.string()),
            _translated(state, documented_state, pa.string()),
            _times(installed_time),
            _translated(cves.dictionary_encode(), cve_ids, pa.list_(pa.string())),
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


def _known_word(word: str) -> str | None:
    return word or None


def _translated(texts: pa.DictionaryArray, word: Callable[[str], object], kind: pa.DataType) -> pa.Array:
    """Returns what `word` makes of each text, computed once for equal texts."""
    return pa.array([word(text) for text in texts.dictionary.to_pylist()], kind).take(texts.indices)
