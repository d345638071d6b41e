from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.reports.lines import aligned, breakdown, counted, duration, entry, wrapped


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.99, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200.5, "3 min 20 s"),
        (3599.7, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_duration_is_told_in_the_units_people_use(seconds, text):
    assert duration(seconds) == text


def test_a_count_agrees_with_its_noun():
    assert [counted(number, "node") for number in (0, 1, 12_340)] == ["0 nodes", "1 node", "12,340 nodes"]


def test_a_breakdown_leaves_out_what_did_not_occur():
    assert breakdown({"verified": 12_300, "no_patch_data": 10, "gone": 0}) == "12,300 verified, 10 no patch data"
    assert breakdown({"verified": 0}) == "none"


def test_columns_line_up_and_numbers_stand_to_the_right():
    assert aligned([("a", 5), ("bcd", 1200)], ("name", "rows")) == ["name   rows", "a         5", "bcd   1,200"]


def test_columns_without_rows_are_their_header():
    assert aligned([], ("name", "rows")) == ["name  rows"]


def test_wide_characters_take_two_places_and_combining_ones_none():
    assert aligned([("漢字", 1), ("e\u0301", 2)], ("name", "n")) == ["name  n", "漢字  1", "e\u0301     2"]


def test_control_characters_from_outside_are_shown_and_not_obeyed():
    shown = [*aligned([("\x1b[31mred",)], ("name",)), *(line.text for line in entry("\x07", "a\nb\x1b[2J", 80))]

    assert not any(character < " " for line in shown for character in line)
    assert "\\x1b[31mred" in shown[1]


@given(st.lists(st.text("abc d", max_size=30)).map(" ".join), st.integers(40, 120))
def test_an_entry_keeps_to_its_width_and_loses_no_word(text, width):
    lines = [line.text for line in entry("denied", text, width)]

    assert all(len(line) <= width for line in lines)
    assert "".join(lines).split()[:1] == ["denied"]
    assert " ".join(lines).split()[1:] == text.split()


def test_a_word_longer_than_the_line_stays_whole_so_that_it_can_be_copied():
    arn = "arn:aws:iam::111122223333:role/" + "x" * 64

    assert any(line.text.strip() == arn for line in entry("denied", f"see {arn}", 60))
    assert [line.text for line in wrapped(f"see {arn}", 60)] == ["see", arn]
