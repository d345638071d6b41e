"""What filtered listings of patches cost: whether AWS filters before or after it cuts a listing into pages."""

from __future__ import annotations

from msgspec import Struct

CHEAP_SHARE = 0.5  # of what a whole listing costs beyond a filtered one: above it, the whole is read
DECISIVE_PAGES = 4  # how far apart the two costs have to be: a page that came empty by chance must not decide


class FilteredPages(Struct, frozen=True):
    """The pages of listings with a State filter, beside what both ways to filter would have cost.

    `if_first`: AWS filters and then cuts pages. `if_after`: it cuts first, so that pages come thin or empty.
    """

    pages: int = 0
    if_first: int = 0
    if_after: int = 0

    def __add__(self, other: FilteredPages) -> FilteredPages:
        return FilteredPages(self.pages + other.pages, self.if_first + other.if_first, self.if_after + other.if_after)

    @property
    def share(self) -> float | None:
        """Returns where the cost lies between filtering first (0) and after (1); None where too little was listed."""
        difference = self.if_after - self.if_first
        if difference < DECISIVE_PAGES:
            return None
        return min(1.0, max(0.0, (self.pages - self.if_first) / difference))

    @property
    def is_cheap(self) -> bool | None:
        """Returns whether a filtered listing costs less than half of what the whole saves; None where unknown."""
        share = self.share
        return None if share is None else share <= CHEAP_SHARE
