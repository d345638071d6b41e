"""Patch rows as Arrow columns, put into patchsweep's words a segment at a time: no Python object for any value."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, groupby
from weakref import WeakKeyDictionary

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.chunks import single
from scanner.core.column import TIME
from scanner.core.columns import PATCH_COLUMNS
from scanner.core.normalize import END_OF_TIME_MS, cve_ids
from scanner.core.patch_rows import OF_PATCH, KnownPatches, PageRows, PatchRows
from scanner.core.repeated import CODED, coded_struct, few_texts, recoded
from scanner.core.state_names import documented_state

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
_NO_TEXTS = pa.schema([pa.field(name, CODED) for name in OF_PATCH]).empty_table()
_TEXTS: WeakKeyDictionary[KnownPatches, pa.Table] = WeakKeyDictionary()
#: The same rows as the `patches` table has them: null where unknown, documented states, CVE ids sorted and unique. Each
#: distinct text stands once: a title in full takes as much memory as all else of a row together.
PATCH = coded_struct(pa.struct([column.field for column in PATCH_COLUMNS]))


def listed(rows_by_node: Iterable[PatchRows]) -> pa.StructArray:
    """Returns the rows of these nodes one after the other, as `LISTED`."""
    pages = chain.from_iterable(rows.pages for rows in rows_by_node)
    parts = [_listed(known, list(run)) for known, run in groupby(pages, key=lambda page: page.known)] or [NONE_LISTED]
    return parts[0] if len(parts) == 1 else pa.concat_arrays(parts)


def _listed(known: KnownPatches, pages: Sequence[PageRows]) -> pa.StructArray:
    patches = _numbers(pa.uint32(), [page.patches for page in pages]).dictionary_encode()
    texts = _texts_of(known).take(patches.dictionary)
    columns = {name: _repeated(single(texts.column(name)), patches.indices) for name in OF_PATCH}
    states = _numbers(pa.uint8(), [page.states for page in pages]).dictionary_encode()
    columns["state"] = _repeated(_coded(known.states).take(states.dictionary), states.indices)
    columns["installed_time"] = _numbers(pa.float64(), [page.times for page in pages])
    return pa.StructArray.from_arrays([columns[field.name] for field in LISTED], fields=list(LISTED))


def _texts_of(known: KnownPatches) -> pa.Table:
    """Returns the texts of each patch by its number; those that came since the last segment are added then."""
    texts = _TEXTS.get(known, _NO_TEXTS)
    if later := known.patches[len(texts) :]:
        added = pa.table([_coded(column) for column in zip(*later, strict=True)], _NO_TEXTS.schema)
        texts = _TEXTS[known] = pa.concat_tables([texts, added]).unify_dictionaries().combine_chunks()
    return texts


def _coded(texts: Sequence[str]) -> pa.DictionaryArray:
    return pa.array(texts, pa.string()).dictionary_encode()


def _repeated(texts: pa.DictionaryArray, places: pa.Array) -> pa.DictionaryArray:
    """Returns the texts at these places, with a dictionary of no others."""
    few = few_texts(texts)
    return pa.DictionaryArray.from_arrays(few.indices.take(places), few.dictionary)


def _numbers(kind: pa.DataType, pages: Iterable[bytes | array[int] | array[float]]) -> pa.Array:
    joined = b"".join(pages)
    return pa.Array.from_buffers(kind, len(joined) * 8 // kind.bit_width, [None, pa.py_buffer(joined)])


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
