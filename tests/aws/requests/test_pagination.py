"""A listing is read to its end or fails; nothing in between."""

from __future__ import annotations

import pytest

from scanner.aws.requests.pagination import Page, PagingRules, pages
from scanner.core.errors import Denied, PaginationBroken, Unavailable

RULES = PagingRules(max_pages=5, max_restarts=2)


class Listing:
    """Pages by token; what is no page is raised, once."""

    def __init__(self, answers, errors=()):
        self.answers = answers
        self.errors = list(errors)
        self.asked = []

    async def __call__(self, token):
        self.asked.append(token)
        if token is not None and self.errors:
            raise self.errors.pop()
        return self.answers[token]


async def read(listing):
    return [item async for page in pages(listing, RULES, "The things of here") for item in page]


@pytest.mark.parametrize("end", [None, ""])
async def test_an_absent_or_empty_token_ends_a_listing_and_an_empty_page_does_not(end):
    listing = Listing({None: Page([1], "a"), "a": Page([], "b"), "b": Page([2], end)})
    assert await read(listing) == [1, 2]


async def test_a_broken_token_starts_the_listing_anew():
    listing = Listing({None: Page([1], "a"), "a": Page([2], None)}, [PaginationBroken("stale")])
    assert await read(listing) == [1, 1, 2]
    assert listing.asked == [None, "a", None, "a"]


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({None: Page([1], "a"), "a": Page([2], "a")}, "the same token came twice"),
        ({None: Page([1], "a"), "a": Page([2], "b"), "b": Page([3], "a")}, "the same token came twice"),
        ({None if n == 0 else str(n): Page([n], str(n + 1)) for n in range(9)}, "no end after 5 pages"),
    ],
)
async def test_a_listing_without_an_end_is_started_anew_and_then_given_up(answers, why):
    listing = Listing(answers)
    with pytest.raises(Unavailable, match=rf"The things of here cannot be listed to the end: {why} \(started 3 times"):
        await read(listing)
    assert listing.asked.count(None) == 3


async def test_any_other_error_passes_at_once():
    listing = Listing({None: Page([1], "a")}, [Denied("no")])
    with pytest.raises(Denied):
        await read(listing)
    assert listing.asked == [None, "a"]
