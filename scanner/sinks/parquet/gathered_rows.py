"""Rows of several batches in a new order, their texts as dictionaries. Only numbers are moved, and each text once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

#: Batches that follow each other and have the same dictionaries.
Run = Sequence[pa.RecordBatch]


class NodePart(Struct, frozen=True):
    """Rows of one node: which run has them, and where in it."""

    run: int
    start: int
    rows: int


def gather(runs: Sequence[Run], parts: Sequence[NodePart]) -> pa.RecordBatch:
    """Returns the rows of these parts, in their order; no run is empty, and all have the same columns."""
    first = runs[0][0]
    before = list(accumulate((sum(batch.num_rows for batch in run) for run in runs), initial=0))
    places = _places([before[part.run] + part.start for part in parts], [part.rows for part in parts])
    columns = (_column([[batch.column(at) for batch in run] for run in runs]) for at in range(len(first.schema)))
    ordered = [column if places is None else column.take(places) for column in columns]
    return pa.record_batch(ordered, schema=first.schema)


def _places(starts: Sequence[int], lengths: Sequence[int]) -> pa.Array | None:
    """Returns the numbers from each start on, as many as its length says; None where that is counting from 0 on."""
    ends = list(accumulate(lengths, initial=0))
    if list(starts) == ends[:-1]:
        return None
    owners = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.nulls(ends[-1])).value_parent_indices()
    offsets = pa.array([start - end for start, end in zip(starts, ends[:-1], strict=True)], pa.int64())
    counted = pc.subtract(pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), ends[-1])), 1)
    return pc.add(counted, offsets.take(owners))


def _column(runs: Sequence[Sequence[pa.Array]]) -> pa.Array:
    """Returns the values of all runs, one after the other."""
    if not pa.types.is_dictionary(runs[0][0].type):
        return pa.concat_arrays([array for run in runs for array in run])
    coded = list(map(_without_surplus, runs))
    if len(coded) == 1:
        return coded[0]
    # The same text may have another code in each run.
    distinct = pa.concat_arrays([run.dictionary for run in coded]).dictionary_encode()
    before = accumulate((len(run.dictionary) for run in coded), initial=0)
    codes = [
        distinct.indices.slice(start, len(run.dictionary)).take(run.indices)
        for start, run in zip(before, coded, strict=False)
    ]
    return pa.DictionaryArray.from_arrays(pa.concat_arrays(codes), distinct.dictionary)


def _without_surplus(run: Sequence[pa.Array]) -> pa.DictionaryArray:
    """Returns the texts of a run; of texts that are more than its rows, those alone that a row has."""
    codes, texts = pa.concat_arrays([array.indices for array in run]), run[0].dictionary
    if len(texts) > len(codes):
        used = codes.dictionary_encode()
        codes, texts = used.indices, texts.take(used.dictionary)
    return pa.DictionaryArray.from_arrays(codes, texts)
