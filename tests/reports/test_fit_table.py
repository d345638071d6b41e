"""Tables that fit the terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scanner.reports.fit_table import GAP, cell_width, cut, fitted_widths, folded
from scanner.reports.lines import aligned, in_columns

TEXT = st.text(st.sampled_from("ab c漢字e\u0301é—"), max_size=40)


def test_characters_take_the_cells_that_a_terminal_gives_them():
    assert [cell_width(text) for text in ("abc", "漢字", "e\u0301", "😀", "กำ", "a\u200db")] == [3, 4, 1, 2, 2, 2]


def test_the_widest_column_gives_way_first_and_numbers_never():
    assert fitted_widths([12, 50, 9], [False, False, True], 60, 8) == [12, 35, 9]
    assert fitted_widths([12, 50, 9], [False, False, True], 200, 8) == [12, 50, 9]
    assert fitted_widths([30, 30], [True, False], 40, 8) == [30, 8]


def test_columns_that_do_not_fit_are_left_out_from_the_right():
    assert fitted_widths([20] * 10, [False] * 10, 40, 8) == [8, 8, 8, 8]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=30),
    st.integers(10, 200),
)
def test_what_is_shown_fits_unless_one_number_alone_does_not(columns, room):
    natural, fixed = [width for width, _ in columns], [is_fixed for _, is_fixed in columns]

    widths = fitted_widths(natural, fixed, room, 8)

    assert 1 <= len(widths) <= len(columns)
    assert all(shown <= width or shown == 1 for shown, width in zip(widths, natural, strict=False))
    assert sum(widths) + GAP * (len(widths) - 1) <= room or len(widths) == 1


@given(TEXT, st.integers(2, 20))
def test_a_cut_text_fits_and_shows_that_it_was_cut(text, width):
    shown = cut(text, width)

    assert cell_width(shown) <= width
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))


@given(TEXT, st.integers(2, 20))
def test_a_folded_text_fits_and_loses_nothing_but_blanks(text, width):
    lines = folded(text, width)

    assert all(cell_width(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_table_folds_its_long_cells_and_leaves_numbers_whole():
    assert aligned([("store", "where scans are kept", 12_345)], ("key", "meaning", "n"), 28) == [
        "key    meaning             n",
        "store  where scans    12,345",
        "       are kept",
    ]


def test_a_table_says_how_many_columns_it_leaves_out():
    lines = in_columns([[f"column {n}" for n in range(9)], ["x" * 20] * 9], [False] * 9, width=40)

    assert all(cell_width(line) <= 40 for line in lines[:-1])
    assert lines[-1].startswith("… 8 more columns;")
