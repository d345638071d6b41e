"""What Dask's client raises where its scheduler has ended, as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager

from scanner.core.errors import PatchsweepError


@contextmanager
def scheduler_errors(place: str) -> Iterator[None]:
    """Turns an answer that did not come, a cancelled task and a client that has given up into a `PatchsweepError`.

    Not for the block that takes the result of a task: an `OSError` there is the worker's own.
    """
    try:
        yield
    except PatchsweepError:
        raise
    except (OSError, CancelledError) as error:
        raise gone(place) from error
    except Exception as error:
        from distributed.client import ClosedClientError  # noqa: PLC0415 - an extra

        if isinstance(error, ClosedClientError):
            raise gone(place) from error
        raise


def gone(place: str) -> PatchsweepError:
    """Returns the error of a run whose scheduler has ended."""
    return PatchsweepError(f"the scheduler of {place} is gone, or has forgotten the scan")
