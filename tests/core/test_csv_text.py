"""CSV that other programs read back as it was, and no spreadsheet runs."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.csv_text import csv_cell, csv_line, joined_cells, quoted_cell
from scanner.core.safe_text import safe_cell

ROWS = st.lists(st.none() | st.text(), min_size=1, max_size=5)


@pytest.mark.slow
@given(st.lists(ROWS, max_size=5))
def test_what_is_written_is_what_the_standard_library_writes(rows):
    expected = io.StringIO(newline="")
    csv.writer(expected).writerows([[None if cell is None else safe_cell(cell) for cell in row] for row in rows])

    assert "".join(map(csv_line, rows)) == expected.getvalue()


@pytest.mark.parametrize("text", ["\x1b[2J", "a\tb", "\x9b", "first\nsecond", "user\u202etxt.exe", "\u200bx", "\0"])
def test_a_file_keeps_every_character_of_its_data(text):
    assert next(csv.reader(io.StringIO(csv_line([text, "x"]), newline="")))[0] == text


def test_none_and_an_empty_text_are_both_an_empty_cell():
    assert csv_line([None, "", "x"]) == ",,x\r\n"
    assert csv_cell(None) == ""


def test_a_finished_cell_keeps_its_minus_sign_and_is_quoted_where_it_has_to_be():
    assert [quoted_cell(text) for text in ("-5", '["a","b"]')] == ["-5", '"[""a"",""b""]"']
    assert joined_cells([""], "\n") == '""\n'
