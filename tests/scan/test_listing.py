"""Pages of one node, merged or refused as a whole."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.errors import PaginationBroken
from scanner.core.patch_rows import patch_page, patch_rows_of
from scanner.core.state_names import PATCH_STATES, documented_state, wire_state
from scanner.scan.estimate import MAX_PAGES
from scanner.scan.listing import Listing, rows_by_state
from tests.fake_fleet import pages, patch


def listing_of(*rows_by_page):
    listing = Listing(MAX_PAGES)
    for page in pages(*rows_by_page):
        listing.add(page)
    return listing


def counts_of(rows):
    return rows_by_state(patch_rows_of(rows))


def test_a_listing_is_complete_with_the_page_that_has_no_token():
    listing = Listing(MAX_PAGES)
    assert (listing.is_complete, listing.next_token) == (False, None)

    listing.add(patch_page([], "t1"))
    assert (listing.is_complete, listing.next_token) == (False, "t1")

    listing.add(patch_page([], None))
    assert (listing.is_complete, listing.pages) == (True, 2)


def test_rows_are_merged_in_order_and_duplicates_are_kept():
    rows = [patch("a"), patch("b"), patch("a"), patch("c", "MISSING")]

    assert listing_of(rows[:2], [], rows[2:]).rows() == patch_rows_of(rows)


def test_a_token_that_comes_twice_breaks_the_listing():
    listing = Listing(MAX_PAGES)
    listing.add(patch_page([patch("a")], "t0"))

    with pytest.raises(PaginationBroken, match="twice"):
        listing.add(patch_page([patch("a")], "t0"))


def test_a_listing_without_end_breaks():
    listing = Listing(3)
    for number in range(2):
        listing.add(patch_page([], f"t{number}"))

    with pytest.raises(PaginationBroken, match="did not end within 3 pages"):
        listing.add(patch_page([], "one more"))


def test_a_listing_may_end_with_the_last_page_that_it_is_allowed():
    listing = Listing(2)
    listing.add(patch_page([], "t0"))
    listing.add(patch_page([], None))

    assert listing.is_complete


def test_rows_are_counted_by_their_documented_state_whichever_form_they_came_in():
    states = ["InstalledOther", "INSTALLED_OTHER", "Missing", "MISSING", "New", None, "", "installedOther"]

    assert counts_of([patch("a", state) for state in states]) == {"INSTALLED_OTHER": 3, "MISSING": 2, "New": 1, "": 2}
    assert counts_of([]) == Counter()


@given(st.lists(st.sampled_from([*PATCH_STATES, *map(wire_state, PATCH_STATES), "New", None, ""])))
def test_every_row_counts_once_under_its_documented_state(states):
    rows = [patch("a", state) for state in states]

    assert counts_of(rows) == Counter(documented_state(state or "") for state in states)


def listing_until(wanted, *rows_by_page):
    listing = Listing(MAX_PAGES, Counter(wanted))
    for page in pages(*rows_by_page):
        if listing.is_complete:
            break
        listing.add(page)
    return listing


def test_a_filtered_listing_ends_when_it_has_every_row_that_aws_counts():
    listing = listing_until({"MISSING": 2}, [patch("a", "Missing")], [patch("b", "Missing")], [], [])

    assert (listing.is_complete, listing.ended_early, listing.pages, len(listing.rows())) == (True, True, 2, 2)


@pytest.mark.parametrize("wanted", [{"MISSING": 3}, {"MISSING": 1, "FAILED": 1}, {"MISSING": 1}])
def test_a_listing_whose_rows_are_not_those_that_aws_counts_is_read_to_its_end(wanted):
    listing = listing_until(wanted, [patch("a", "Missing"), patch("b", "Missing")], [], [])

    assert (listing.is_complete, listing.ended_early, listing.pages) == (True, False, 3)


def test_a_listing_that_has_every_row_on_its_last_page_did_not_end_early():
    assert not listing_until({"MISSING": 1}, [patch("a", "Missing")]).ended_early
