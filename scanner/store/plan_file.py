"""`plan.json`: which targets a scan reads and how large each was, so that several processes share them alike."""

from __future__ import annotations

from msgspec import Struct, field

from scanner.core.interfaces import Files
from scanner.core.model import CallCounts, Target, TargetOutcome
from scanner.store.json_files import from_json, to_json
from scanner.store.layout import ScanNames
from scanner.store.manifest import FORMAT


class PlannedTarget(Struct, frozen=True):
    """A target to read; `size` is its number of patch rows in the last committed scan, 0 where that is not known."""

    target: Target
    size: int = 0


class ScanPlan(Struct, frozen=True):
    """The targets in the order to read them, the largest first.

    `unreachable` holds the outcomes of accounts that could not be opened, `calls` the requests that were sent to find
    all this out, `notes` what the user should know of the scope.
    """

    targets: tuple[PlannedTarget, ...] = ()
    unreachable: tuple[TargetOutcome, ...] = ()
    calls: CallCounts = field(default_factory=CallCounts)
    notes: tuple[str, ...] = ()
    format: int = FORMAT


async def write_plan(files: Files, names: ScanNames, plan: ScanPlan) -> None:
    """Writes the plan of a scan, or replaces it where the scan is resumed."""
    await files.put(names.plan, to_json(plan))


async def read_plan(files: Files, names: ScanNames) -> ScanPlan | None:
    """Returns the plan of a scan, or None where it has none: an earlier version started it, or its start was killed.

    Raises:
        StoreError: it is damaged; the text names it.
    """
    data = await files.get(names.plan)
    return None if data is None else from_json(data, ScanPlan, f"{files.url}/{names.plan}")
