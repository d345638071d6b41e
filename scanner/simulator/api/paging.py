"""Cuts a listing into pages, with the faults and oddities of pagination."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from scanner.simulator.api.replies import AwsFailure, Reply, json_reply, modeled
from scanner.simulator.api.ssm_requests import DEFAULT_PAGE
from scanner.simulator.running.simulation import Simulation
from scanner.simulator.running.tokens import START, Position
from scanner.simulator.world.faults import Broken

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """A page and the token of the next one; None at the end."""

    items: Sequence[T]
    next_token: str | None


def position_of(simulation: Simulation, listing: str, token: str | None) -> Position:
    """Returns where in the listing a request continues.

    Raises:
        AwsFailure: InvalidNextToken.
    """
    if not token:
        return START
    position = simulation.tokens.read(listing, token)
    if position is None:
        raise invalid_token()
    return position


def cut(
    simulation: Simulation,
    listing: str,
    items: Sequence[T],
    position: Position,
    *,
    size: int,
    fits: Callable[[T], bool] | None = None,
    token: str | None = None,
) -> Page[T]:
    """Returns the page at `position`; `fits` filters it after it is cut, so that it may be empty.

    Raises:
        AwsFailure: InvalidNextToken, where chance wants it.
    """
    fault_picker, offset = simulation.fault_picker, position.offset
    trouble = fault_picker.broken(listing, offset) if token else None
    if trouble is not None:
        simulation.stats.faults[trouble.value] += 1
    if trouble is Broken.INVALID_NEXT_TOKEN:
        raise invalid_token()
    if fault_picker.is_empty_page(listing, offset, position.turn):
        simulation.stats.faults["empty_page"] += 1
        return Page([], simulation.tokens.make(listing, _next(position, offset, turn=1)))
    if fits is not None and simulation.faults.filter_before_page:
        items, fits = [item for item in items if fits(item)], None
    end = offset + fault_picker.page_size(listing, offset, size)
    page = items[offset:end] if fits is None else [item for item in items[offset:end] if fits(item)]
    if trouble is Broken.REPEATED_TOKEN:
        return Page(page, token)
    if trouble is Broken.ENDLESS_PAGINATION or position.is_endless:
        again = Position(offset, position.generation, position.turn + 1, is_endless=True)
        return Page(page, simulation.tokens.make(listing, again))
    if end >= len(items):
        return Page(page, None)
    return Page(page, simulation.tokens.make(listing, _next(position, end)))


class PagedRequest(Protocol):
    """The members that every paged SSM request has."""

    max_results: int | None
    next_token: str | None


def page_reply(
    simulation: Simulation,
    listing: str,
    items: Sequence[T],
    request: PagedRequest,
    member: str,
    row: Callable[[T], object] = lambda item: item,
) -> Reply:
    """Returns the page that a request asks for, its items as `row` writes them under `member`.

    Raises:
        AwsFailure: InvalidNextToken.
    """
    position = position_of(simulation, listing, request.next_token)
    size = request.max_results or DEFAULT_PAGE
    page = cut(simulation, listing, items, position, size=size, token=request.next_token or None)
    return json_reply({member: [row(item) for item in page.items], **end_token(simulation, page)})


def end_token(simulation: Simulation, page: Page[T]) -> dict[str, str | None]:
    """Returns the NextToken member of the last answer, in the form that the faults choose."""
    if page.next_token is not None:
        return {"NextToken": page.next_token}
    match simulation.faults.end_of_listing:
        case "empty":
            return {"NextToken": ""}
        case "null":
            return {"NextToken": None}
        case _:
            return {}


def invalid_token() -> AwsFailure:
    return modeled("InvalidNextToken", "The specified token is not valid.")


def _next(position: Position, offset: int, turn: int = 0) -> Position:
    return Position(offset, position.generation, turn)
