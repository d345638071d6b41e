"""Estimates the calls that nodes cost, for both ways in which AWS may filter; pure."""

from __future__ import annotations

from msgspec import Struct

from scanner.core.filtered_pages import FilteredPages
from scanner.scan.estimate import ListedNode, expected_pages, expected_rows
from scanner.scan.question import Question


class Cost(Struct, frozen=True):
    """Nodes with the rows that they will list, and the calls to read these.

    `calls` holds where AWS filters before it cuts a listing into pages, `calls_if_after` where it filters after that.
    """

    nodes: int = 0
    rows: int = 0
    calls: int = 0
    calls_if_after: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.nodes + other.nodes,
            self.rows + other.rows,
            self.calls + other.calls,
            self.calls_if_after + other.calls_if_after,
        )


def cost(listed: ListedNode, question: Question, page_size: int) -> Cost:
    """Returns what asking a node costs; one of which AWS counts nothing that is asked costs no call."""
    if question.expects_nothing(listed):
        return Cost(nodes=1)
    rows = expected_rows(listed, question.states)
    whole = max(rows, expected_rows(listed, ())) if question.states else rows
    return Cost(1, rows, expected_pages(rows, page_size), expected_pages(whole, page_size))


def expected_calls(total: Cost, measured: FilteredPages) -> tuple[int, int]:
    """Returns the fewest and the most calls: one number once it was measured how AWS filters."""
    if measured.share is None:
        return total.calls, total.calls_if_after
    calls = round(total.calls + measured.share * (total.calls_if_after - total.calls))
    return calls, calls


def filtered_pages(listed: ListedNode, question: Question, pages: int, page_size: int) -> FilteredPages:
    """Returns what a finished listing of so many pages shows of how AWS filters; nothing if both ways cost the same."""
    if question.wanted_counts(listed) is None:
        return FilteredPages()
    expected = cost(listed, question, page_size)
    if expected.calls == expected.calls_if_after:
        return FilteredPages()
    return FilteredPages(pages, expected.calls, expected.calls_if_after)
