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
from scanner.core.repeated import CODED, coded_struct, recoded
from scanner.core.state_names import documented_state

T = TypeVar("T")

#: Rows as AWS lists them: times in epoch seconds, "" and 0 where there is nothing.
LISTED = pa.struct(
    [
        ("kb_id", CODED),
        ("title", CODED),
        ("classification", CODED),
        ("severity", CODED),
        ("state", CODED),
        ("installed_time", pa.float64()),
        ("cve_ids", CODED),
    ]
)
NONE_LISTED = pa.array([], LISTED)
#: The same rows as the `patches` table has them: null where unknown, documented states, CVE ids sorted and unique. Each
#: distinct text stands once: a title in full takes as much memory as all else of a row together.
PATCH = coded_struct(pa.struct([column.field for column in PATCH_COLUMNS]))
#: Pages whose texts are split at once, 1 MB of titles: what is only needed for that is never there of a whole segment.
_PAGES_AT_ONCE = 256


def listed(rows_by_node: Iterable[PatchRows]) -> pa.StructArray:
    """Returns the rows of these nodes one after the other, as `LISTED`."""
    pages = chain.from_iterable(rows.pages for rows in rows_by_node)
    runs = groupby(pages, key=lambda page: (page.separator, bool(page.numbers)))
    parts = [_parted(list(run), separator) for (separator, _), run in runs] or [NONE_LISTED]
    return parts[0] if len(parts) == 1 else pa.concat_arrays(parts)


def _parted(pages: Sequence[PageRows], separator: str) -> pa.StructArray:
    """Returns the rows of pages that have the same separator, and that have numbers or have none."""
    texts = [_coded(each, separator) for each in _by_column(page.texts for page in pages)]
    if pages[0].numbers:
        columns = dict(zip(OTHER_TEXTS, texts, strict=True))
        columns |= dict(zip(WORD_TEXTS, map(_words, _by_column(page.numbers for page in pages)), strict=True))
    else:
        columns = dict(zip(ROW_TEXTS, texts, strict=True))
    times = b"".join([page.times for page in pages])
    columns["installed_time"] = pa.Array.from_buffers(pa.float64(), len(texts[0]), [None, pa.py_buffer(times)])
    return pa.StructArray.from_arrays([columns[field.name] for field in LISTED], fields=list(LISTED))


def _by_column(pages: Iterable[tuple[T, ...]]) -> Iterable[tuple[T, ...]]:
    return zip(*pages, strict=True)


def _words(numbers: Sequence[bytes]) -> pa.DictionaryArray:
    joined = b"".join(numbers)
    places = pa.Array.from_buffers(pa.uint8(), len(joined), [None, pa.py_buffer(joined)]).dictionary_encode()
    words = pa.array(WORDS.names, pa.string()).take(places.dictionary)
    return pa.DictionaryArray.from_arrays(places.indices, words)


def _coded(texts: Sequence[str], separator: str) -> pa.DictionaryArray:
    """Returns the values of a column, those of each page joined by the separator."""
    groups = (texts[start : start + _PAGES_AT_ONCE] for start in range(0, len(texts), _PAGES_AT_ONCE))
    split = pa.chunked_array([pc.split_pattern(_strings(group), separator).flatten() for group in groups])
    # The chunks get one dictionary, so that their numbers need only be put together.
    chunks = split.dictionary_encode().chunks
    return pa.DictionaryArray.from_arrays(pa.concat_arrays([chunk.indices for chunk in chunks]), chunks[-1].dictionary)


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
            kb_id,
            _known(title),
            _translated(classification, _known_word),
            _translated(severity, _known_word),
            _translated(state, documented_state),
            _times(installed_time),
            pa.array(map(cve_ids, cves.dictionary.to_pylist()), pa.list_(pa.string())).take(cves.indices),
        ],
        fields=list(PATCH),
    )


def _known(texts: pa.DictionaryArray) -> pa.DictionaryArray:
    is_empty = pc.equal(texts.dictionary, "")
    return recoded(texts, pc.if_else(is_empty, None, texts.dictionary)) if is_empty.true_count else texts


def _times(seconds: pa.Array) -> pa.Array:
    """Returns times as `scanner.core.normalize.epoch_ms` does one by one."""
    milliseconds = pc.round(pc.multiply(seconds, 1000.0), round_mode="half_to_even")
    is_known = pc.and_(pc.greater(milliseconds, 0.0), pc.less(milliseconds, float(END_OF_TIME_MS)))
    return pc.if_else(is_known, milliseconds, None).cast(pa.int64()).cast(TIME)


def _known_word(word: str) -> str | None:
    return word or None


def _translated(texts: pa.DictionaryArray, word: Callable[[str], str | None]) -> pa.DictionaryArray:
    """Returns what `word` makes of each text, computed once for equal texts."""
    return recoded(texts, pa.array(map(word, texts.dictionary.to_pylist()), pa.string()))
