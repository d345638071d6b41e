"""Rows gathered page by page, whatever characters they hold."""

from __future__ import annotations

import json
import weakref
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws.transport.wire import decode_patches
from scanner.core.patch_rows import NO_PATCHES, PAGES, PageNumbering, Patch, PatchRows, patch_rows_of
from scanner.core.patch_table import in_words, listed
from scanner.scan.listing import Listing
from tests.worded import row_in_words, rows_listed, rows_of, rows_of_page

pytestmark = pytest.mark.slow

texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(["a\0b", "\0", "b"])
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


def gather(listing, pages=PAGES):
    return PatchRows(tuple(part for page in listing if page for part in pages.numbered(page)))


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


def test_a_nul_that_is_not_escaped_is_no_json_and_replaced():
    page = decode_patches(b'{"Patches": [{"Title": "a\0b"}, {"Title": "c"}]}')

    assert [patch.title for patch in rows_of_page(page)] == ["a\ufffdb", "c"]


def test_nothing_gathered_is_no_patches():
    assert gather([]) == gather([[]]) == patch_rows_of([]) == NO_PATCHES
    assert len(NO_PATCHES) == 0
    assert NO_PATCHES.column("title") == []


def test_one_row_without_any_text_is_a_row():
    assert rows_listed(gather([[Patch()]])) == [Patch("", "", "", "", "", 0.0, "")]


@given(st.lists(pages, max_size=3), st.integers(1, 4), st.integers(1, 4))
def test_patches_and_states_beyond_those_that_can_be_numbered_together_are_kept_too(listings, patches, states):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scanner.core.patch_rows.MAX_PATCHES", patches)
        patch.setattr("scanner.core.patch_rows.MAX_STATES", states)
        numbering = PageNumbering()
        nodes = [gather(listing, numbering) for listing in listings]

    known = {id(page.known): page.known for node in nodes for page in node.pages}.values()
    assert all(len(each.patches) <= patches and len(each.states) <= states for each in known)
    for node, listing in zip(nodes, listings, strict=True):
        assert rows_listed(node) == [plain(row) for page in listing for row in page]
        assert node.by_state() == Counter(row.state or "" for page in listing for row in page)
        assert node == gather(listing)
    every = [row_in_words(row) for listing in listings for page in listing for row in page]
    assert rows_of(in_words(listed(nodes))) == every


def test_a_patch_that_many_nodes_list_is_kept_once():
    numbering = PageNumbering()
    rows = [Patch("KB1", "one", state="Installed"), Patch("KB2", "two", state="Missing")]

    nodes = [gather([rows, rows], numbering) for _ in range(3)]

    (known,) = {page.known for node in nodes for page in node.pages}
    assert known.patches == [("KB1", "one", "", "", ""), ("KB2", "two", "", "", "")]
    assert known.states == ["Installed", "Missing"]


def test_patches_that_came_after_a_table_was_made_are_in_the_next_one():
    numbering = PageNumbering()

    tables = [listed([gather([[Patch(f"KB{number}")]], numbering)]) for number in (1, 2, 1)]

    assert [row["kb_id"] for table in tables for row in table.to_pylist()] == ["KB1", "KB2", "KB1"]


def test_what_only_pages_referred_to_goes_with_them():
    numbering = PageNumbering()
    known = weakref.ref(gather([[Patch("KB1")]], numbering).pages[0].known)
    listed([gather([[Patch("KB1")]], numbering)])
    assert known() is not None

    del numbering

    assert known() is None
