"""Follows the pages of one node's listing and merges their rows; performs no I/O."""

from __future__ import annotations

from collections import Counter

from scanner.core.errors import PaginationBroken
from scanner.core.patch_rows import PatchPage, PatchRows, PatchRowsBuilder
from scanner.core.state_names import documented_state


class Listing:
    """The pages of one node so far. Once a page does not fit, none of them counts.

    `next_token` is what the next request has to send: None for the first page, and again once `is_complete`.
    """

    def __init__(self, max_pages: int) -> None:
        self._max_pages = max_pages
        self._rows = PatchRowsBuilder()
        self._tokens: set[str] = set()
        self.next_token: str | None = None
        self.pages = 0

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
        self.next_token = token
        self._rows.add(page.patches)

    def rows(self) -> PatchRows:
        """Returns the rows of all pages, in their order, duplicates included."""
        return self._rows.rows()


def rows_by_state(rows: PatchRows) -> Counter[str]:
    """Counts rows by state in its documented form; AWS lists `InstalledOther` where it documents `INSTALLED_OTHER`."""
    counts: Counter[str] = Counter()
    for state, count in Counter(rows.column("state")).items():
        counts[documented_state(state)] += count
    return counts
