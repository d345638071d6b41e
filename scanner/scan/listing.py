"""Follows the pages of one node's listing and merges their rows; performs no I/O."""

from __future__ import annotations

from collections import Counter

from scanner.core.errors import PaginationBroken
from scanner.core.patch_rows import PageRows, PatchPage, PatchRows
from scanner.core.state_names import documented_state


class Listing:
    """The pages of one node so far. Once a page does not fit, none of them counts.

    `next_token` is what the next request has to send: None for the first page, and again once `is_complete`.
    With `wanted`, the rows that AWS counts in each state, the listing ends as soon as it has them. It `ended_early` if
    AWS had more pages: the patch state has to be the same afterwards before such a listing can be trusted. `odd_rows`
    names the rows that are not what the API says, which are not among `rows`.
    """

    def __init__(self, max_pages: int, wanted: Counter[str] | None = None) -> None:
        self._max_pages = max_pages
        self._wanted = wanted
        self._counts: Counter[str] = Counter()
        self._pages: list[PageRows] = []
        self._tokens: set[str] = set()
        self.next_token: str | None = None
        self.pages = 0
        self.ended_early = False
        self.odd_rows: list[str] = []

    @property
    def is_complete(self) -> bool:
        """Returns whether the last page was reached."""
        return self.pages > 0 and self.next_token is None

    def add(self, page: PatchPage) -> None:
        """Adds the next page.

        Raises:
            PaginationBroken: its token came before, or the listing has no end.
        """
        self.pages += 1
        token = page.next_token
        if token is not None:
            if token in self._tokens:
                raise PaginationBroken("AWS gave the same NextToken twice", code="RepeatedNextToken")
            if self.pages >= self._max_pages:
                raise PaginationBroken(
                    f"the listing did not end within {self._max_pages} pages", code="EndlessPagination"
                )
            self._tokens.add(token)
        self._pages += page.rows
        if page.odd_rows:
            self.odd_rows += page.odd_rows
        if self._wanted is not None:
            self._counts += rows_by_state(PatchRows(page.rows))
            self.ended_early = token is not None and self._counts == self._wanted
        self.next_token = None if self.ended_early else token

    def rows(self) -> PatchRows:
        """Returns the rows of all pages, in their order, duplicates included."""
        return PatchRows(tuple(self._pages))


def rows_by_state(rows: PatchRows) -> Counter[str]:
    """Counts rows by state in its documented form; AWS lists `InstalledOther` where it documents `INSTALLED_OTHER`."""
    counts: Counter[str] = Counter()
    for state, count in rows.by_state().items():
        counts[documented_state(state)] += count
    return counts
