"""Measures, while a scan runs, what its filtered listings cost, and says whether they are worth it."""

from __future__ import annotations

from scanner.core.filtered_pages import FilteredPages


class FilterMeasure:
    """Adds up the filtered listings of one scan; `earlier` is what was measured before it began."""

    def __init__(self, earlier: FilteredPages | None = None) -> None:
        self._earlier = earlier or FilteredPages()
        self.measured = FilteredPages()

    def add(self, pages: FilteredPages) -> None:
        """Counts one more listing."""
        self.measured += pages

    @property
    def is_cheap(self) -> bool | None:
        """Returns whether filtered listings cost far fewer pages than whole ones; None as long as that is not known.

        What this scan measured goes before what an earlier one did, for AWS may have changed.
        """
        now = self.measured.is_cheap
        return self._earlier.is_cheap if now is None else now
