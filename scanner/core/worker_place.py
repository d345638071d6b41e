"""Where the workers of a scan run, if it has any."""

from __future__ import annotations

from msgspec import Struct


class WorkerPlace(Struct, frozen=True):
    """The Dask cluster whose scheduler is at `address`, or `processes` of this machine where there is no address."""

    address: str | None = None
    processes: int = 1

    def __str__(self) -> str:
        return "Dask on this machine" if self.address is None else f"the Dask cluster at {self.address}"
