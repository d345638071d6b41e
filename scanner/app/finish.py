"""Finishes a scan: commits what its processes have stored, and sends it to the sinks."""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec import Struct

from scanner.app.outcomes import final_outcomes, final_row
from scanner.app.resume import ActiveScan
from scanner.core.interfaces import ScanSummary
from scanner.core.model import TargetOutcome


class Committed(Struct, frozen=True):
    """A scan that was committed by now, with the outcome of each target and what the user should know."""

    summary: ScanSummary
    outcomes: Sequence[TargetOutcome]
    notes: Sequence[str]


async def commit_scan(scan: ActiveScan) -> Committed:
    """Commits the scan with every count taken from its segments.

    Raises:
        StoreError: nodes were lost, or another process has the scan; nothing is committed then.
    """
    survey = await scan.stored.survey()
    outcomes = final_outcomes(survey)
    row = final_row(scan, survey, outcomes, int(time.time() * 1000))
    summary = await scan.stored.commit(row, outcomes, survey)
    return Committed(summary, outcomes, [*survey.plan.notes, *survey.ended.notes])
