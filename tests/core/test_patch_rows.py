"""Rows gathered page by page, whatever characters they hold."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws.transport.wire import decode_patches
from scanner.core.patch_rows import NO_PATCHES, SEPARATOR, WORDS, Patch, PatchRows, page_rows_of, patch_rows_of
from scanner.core.patch_table import in_words, listed
from scanner.core.words import Words
from scanner.scan.listing import Listing
from tests.worded import row_in_words, rows_listed, rows_of

pytestmark = pytest.mark.slow

texts = (
    st.none()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
    | st.sampled_from(["a\0b", "\0", "\U000f0000"])
)
rows = st.builds(
    Patch,
    kb_id=texts,
    title=texts,
    classification=texts,
    severity=texts,
    state=texts,
    installed_time=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    cve_ids=texts,
)
pages = st.lists(st.lists(rows, max_size=4), max_size=4)


def gather(listing):
    return PatchRows(tuple(page_rows_of(page) for page in listing if page))


def plain(row):
    """What of a row the columns keep: nothing and empty are the same."""
    names = ("kb_id", "title", "classification", "severity", "state", "cve_ids")
    return Patch(**{name: getattr(row, name) or "" for name in names}, installed_time=row.installed_time or 0.0)


@given(pages)
def test_every_row_comes_out_once_and_in_its_place(listing):
    found = gather(listing)

    assert rows_listed(found) == [plain(row) for page in listing for row in page]
    assert len(found) == sum(map(len, listing))


@given(pages, st.data())
def test_where_a_page_ended_leaves_no_trace(listing, data):
    every = [row for page in listing for row in page]
    at = data.draw(st.integers(0, len(every)))

    assert gather(listing) == gather([every[:at], every[at:]]) == patch_rows_of(every)


@given(pages, st.booleans())
def test_whatever_way_json_writes_a_text_it_comes_out_to_the_letter(listing, is_ascii):
    rows = Listing(len(listing) + 1)
    for page in listing:
        members = [msgspec.to_builtins(row) for row in page]
        rows.add(decode_patches(json.dumps({"Patches": members}, ensure_ascii=is_ascii).encode()))

    assert rows_listed(rows.rows()) == [plain(row) for page in listing for row in page]


def test_a_separator_that_is_not_escaped_is_no_json_and_replaced():
    page = decode_patches(b'{"Patches": [{"Title": "a\0b"}, {"Title": "c"}]}')

    assert [patch.title for patch in page.patches] == ["a\ufffdb", "c"]


def test_nothing_gathered_is_no_patches():
    assert gather([]) == gather([[]]) == patch_rows_of([]) == NO_PATCHES
    assert len(NO_PATCHES) == 0
    assert NO_PATCHES.column("title") == []


def test_a_text_that_holds_the_separator_is_kept_to_the_letter():
    found = gather([[Patch("a", "one")], [Patch("b", f"two{SEPARATOR}and"), Patch("c", "\U000f0000")]])

    assert found.pages[0].separator == SEPARATOR
    assert found.pages[1].separator not in (SEPARATOR, "\U000f0000")
    assert found.column("title") == ["one", f"two{SEPARATOR}and", "\U000f0000"]


def test_one_row_without_any_text_is_a_row():
    assert rows_listed(gather([[Patch()]])) == [Patch("", "", "", "", "", 0.0, "")]


@given(pages, pages)
def test_words_beyond_those_that_have_a_number_are_kept_as_texts(before, after):
    numbered = [page_rows_of(page) for page in before if page]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scanner.core.words.MAX_WORDS", len(WORDS))
        found = PatchRows((*numbered, *(page_rows_of(page) for page in after if page)))
        one_more = page_rows_of([Patch(state=f"state {len(WORDS)} of many"), Patch(state="Installed")])

    assert rows_listed(found) == [plain(row) for page in [*before, *after] for row in page]
    assert not one_more.numbers
    assert dict(PatchRows((one_more,)).counted("state")) == {f"state {len(WORDS)} of many": 1, "Installed": 1}
    assert rows_of(in_words(listed([found]))) == [row_in_words(row) for page in [*before, *after] for row in page]


@pytest.mark.parametrize(("most", "in_numbers"), [(1, False), (256, True)])
def test_values_are_counted_whether_they_are_numbers_or_texts(most, in_numbers, monkeypatch):
    monkeypatch.setattr("scanner.core.patch_rows.WORDS", words := Words())
    monkeypatch.setattr("scanner.core.words.MAX_WORDS", most)

    page = page_rows_of([Patch(state="Installed"), Patch(state="Missing"), Patch(state="Installed")])

    assert (bool(page.numbers), len(words)) == (in_numbers, min(most, 3))
    assert dict(PatchRows((page,)).counted("state")) == {"Installed": 2, "Missing": 1}
    assert page.column("state") == ["Installed", "Missing", "Installed"]
