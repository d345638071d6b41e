"""What a sink may do besides: remove a scan that it was sent."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from scanner.core.interfaces import Sink


@runtime_checkable
class ForgettingSink(Sink, Protocol):
    """A sink from which a scan can be removed."""

    async def forget(self) -> None:
        """Removes the scan that the sink was made for, if it is there; then only `aclose` is called.

        Raises:
            SinkError: it could not be removed.
        """
        ...
