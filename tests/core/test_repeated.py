"""Texts as dictionaries: looked up, replaced and written out as the texts themselves would be."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.repeated import are_among, few_texts, recoded

texts = st.lists(st.none() | st.sampled_from(["MISSING", "FAILED", "INSTALLED", ""]), max_size=8)


@given(texts, st.lists(st.sampled_from(["MISSING", "FAILED", "other"])), st.integers(0, 4))
def test_a_dictionary_is_searched_as_its_texts_are(column, wanted, start):
    plain = pa.array(column, pa.string())
    part = plain.dictionary_encode().slice(start)
    assert are_among(part, wanted) == are_among(plain.slice(start), wanted)
    assert are_among(part, wanted) == pc.is_in(plain.slice(start), pa.array(wanted, pa.string()))
    assert few_texts(part) == few_texts(plain.slice(start)) == plain.slice(start).dictionary_encode()


@given(texts)
def test_other_texts_take_the_place_of_those_of_a_dictionary(column):
    coded = pa.array(column, pa.string()).dictionary_encode()
    others = {"MISSING": "lacking", "FAILED": "lacking", "INSTALLED": None, "": "", None: None}
    found = recoded(coded, pa.array([others[text] for text in coded.dictionary.to_pylist()], pa.string()))
    assert found.to_pylist() == [others[text] for text in column]
    assert found.dictionary.null_count == 0
    assert len(found.dictionary.unique()) == len(found.dictionary)
