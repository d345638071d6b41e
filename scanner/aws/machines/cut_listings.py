"""Keeps what a listing brought before it broke off: it is evidence for what it shows, and for nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from scanner.aws.operations import Operation
from scanner.core.errors import AwsError, RequestRejected
from scanner.core.machines import MIDWAY
from scanner.core.model import Target

R = TypeVar("R")

#: Takes note of a listing whose end could not be read: the operation, and the error.
OnCut = Callable[[Operation, AwsError | RequestRejected], None]


def refuse_cut(_operation: Operation, error: AwsError | RequestRejected) -> None:
    """Raises the error: for listings that are of use only if they are whole."""
    raise error


async def until_cut(
    listing: AsyncIterator[Sequence[R]], operation: Operation, on_cut: OnCut
) -> AsyncIterator[Sequence[R]]:
    """Yields the pages of a listing; after its first rows, an error is given to `on_cut` and ends it.

    Raises:
        AwsError: not one row could be read.
        RequestRejected: the same; AWS calls the request wrong.
    """
    has_rows = False
    try:
        async for page in listing:
            has_rows = has_rows or bool(page)
            yield page
    except (AwsError, RequestRejected) as error:
        if not has_rows:
            raise
        on_cut(operation, error)


def cut_sentence(operation: Operation, at: Target, error: AwsError | RequestRejected) -> str:
    """Returns what is said of the listing: the error, and that it came midway."""
    where = f"{operation} in account {at.account_id}, Region {at.region}, "
    return f"{where}{MIDWAY}: {str(error).removeprefix(f'{where}failed: ')}"
