"""Finds out with one call whether AWS filters patches before or after it cuts a listing into pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing

from scanner.core.errors import AwsError
from scanner.core.filtered_pages import FilteredPages
from scanner.core.interfaces import Fleet, TargetReader
from scanner.core.model import ManagedNode, PatchState, Target
from scanner.core.state_names import COUNTED_STATES
from scanner.scan.estimate import ListedNode, expected_pages, expected_rows

TARGETS_TRIED = 5  # with none of which a node was good enough: the question then stays open


async def measure_filtering(fleet: Fleet, targets: Sequence[Target], page_size: int) -> FilteredPages:
    """Asks one node for patches of a state in which AWS counts none; returns nothing where no node is fit for it.

    If AWS filters first, the empty listing ends with its first page. If it filters after, a page comes empty although
    it has a token, and the listing takes as many pages as the whole.
    """
    for target in targets[:TARGETS_TRIED]:
        try:
            async with fleet.open(target) as reader:
                measured = await _measure(reader, page_size)
        except AwsError:
            continue
        if measured.share is not None:
            return measured
    return FilteredPages()


async def _measure(reader: TargetReader, page_size: int) -> FilteredPages:
    async with aclosing(reader.nodes()) as listing:
        async for nodes in listing:
            found = _fittest(nodes, await reader.patch_states([node.instance_id for node in nodes]) if nodes else {})
            if found is not None:
                listed, absent_state = found
                page = await reader.patch_page(listed.node.instance_id, None, (absent_state,))
                if page.rows:
                    return FilteredPages()  # an operation ended meanwhile
                whole = expected_pages(expected_rows(listed, ()), page_size)
                return FilteredPages(1 if page.next_token is None else whole, 1, whole)
    return FilteredPages()


def _fittest(
    nodes: Sequence[ManagedNode], states: Mapping[str, PatchState | AwsError]
) -> tuple[ListedNode, str] | None:
    """Returns the node that lists the most patches, with a state in which AWS counts none of them."""
    fit = []
    for node in nodes:
        state = states.get(node.instance_id)
        if isinstance(state, PatchState):
            absent = [name for name, count in COUNTED_STATES.items() if getattr(state, count) == 0]
            if absent:
                fit.append((ListedNode(node, state), absent[0]))
    return max(fit, key=lambda each: expected_rows(each[0], ()), default=None)
