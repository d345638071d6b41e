from __future__ import annotations

import pyarrow as pa

from scanner.reports.changed_rows.text_codes import TextCodes


def test_a_text_has_one_number_in_all_columns_and_null_none():
    codes = TextCodes()
    first = codes.encode(pa.array(["b", None, "a", "b"]))
    second = codes.encode(pa.chunked_array([["a"], ["c", "a"]]))

    assert codes.texts().take(first).to_pylist() == ["b", None, "a", "b"]
    assert codes.texts().take(second).to_pylist() == ["a", "c", "a"]
    assert len(codes.texts()) == 3


def test_places_are_the_order_of_the_texts():
    codes = TextCodes()
    codes.encode(pa.array(["b", "é", "a", "Z", ""]))
    places = codes.places().sort_by("place").column("code")

    assert codes.texts().take(places.combine_chunks()).to_pylist() == ["", "Z", "a", "b", "é"]
