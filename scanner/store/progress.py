"""How far the workers of an unfinished scan have come, from what they keep in the store."""

from __future__ import annotations

from msgspec import Struct

from scanner.core.interfaces import Files
from scanner.core.model import TargetOutcome
from scanner.store.ended_targets import list_ended
from scanner.store.layout import ScanNames
from scanner.store.open_targets import OpenTargets, list_open
from scanner.store.plan_file import read_plan
from scanner.store.target_records import records_by_target


class ScanProgress(Struct, frozen=True):
    """The planned targets, the best record of each that ended, and what each worker has open.

    `planned` is None for a scan without a plan. A worker whose `silent_s` is far above its `interval_s` was killed.
    """

    planned: int | None
    ended: list[TargetOutcome]
    workers: list[WorkerProgress]


class WorkerProgress(Struct, frozen=True):
    """What one worker has open, and for how long it has given no sign of life."""

    open: OpenTargets
    silent_s: float


async def progress_of(files: Files, names: ScanNames) -> ScanProgress:
    """Reads the progress of an unfinished scan, and none of its nodes.

    Raises:
        StoreError: the store cannot be read, or the plan is damaged.
    """
    plan = await read_plan(files, names)
    records = records_by_target((await list_ended(files, names)).outcomes)
    workers = [WorkerProgress(found.open, found.age_s) for found in await list_open(files, names)]
    planned = None if plan is None else len(plan.targets)
    return ScanProgress(planned, [of_target[0] for of_target in records.values()], workers)
