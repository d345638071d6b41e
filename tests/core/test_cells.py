from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.cells import safe_cell, terminal_text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_formula_becomes_text(text):
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "KB5001", "a=b", " =1", "1-2", "'=1"])
def test_other_text_stays_as_it_is(text):
    assert safe_cell(text) == text


@given(st.text())
def test_no_cell_starts_a_formula_and_none_loses_text(text):
    cell = safe_cell(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.removeprefix("'") == text.removeprefix("'") or cell == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("line\u2028break", "line\\u2028break"),
        ("Größe 漢字 🙂", "Größe 漢字 🙂"),
    ],
)
def test_control_characters_are_shown_and_not_obeyed(text, shown):
    assert terminal_text(text) == shown


@given(st.text())
def test_every_text_fits_on_one_line_of_a_terminal(text):
    assert len(terminal_text(text).splitlines()) <= 1
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in terminal_text(text))
