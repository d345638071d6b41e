"""What a scan leaves behind for whoever started it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct

from scanner.core.model import ScanRow, TargetOutcome
from scanner.reports.tally import TallyResult

NO_SEVERITY = "no severity"


class PatchTotals(Struct, frozen=True):
    """Patches that are not in place: missing and failed ones by severity, and both together by account."""

    missing: Mapping[str, int]
    failed: Mapping[str, int]
    accounts: Mapping[str, int]

    @classmethod
    def of(cls, tally: TallyResult) -> PatchTotals:
        """The totals of what was counted, the largest first."""
        by_state: dict[str, Counter[str]] = {"MISSING": Counter(), "FAILED": Counter()}
        for group in tally.patches_by_severity:
            if group.state in by_state:
                by_state[group.state][group.severity or NO_SEVERITY] += group.patches
        accounts = {account.account_id: account.missing + account.failed for account in tally.accounts}
        return cls(by_state["MISSING"], by_state["FAILED"], accounts)


class Finished(Struct, frozen=True):
    """A committed scan. `sink_failures` are reasons by sink, `store` is where it lies."""

    scan: ScanRow
    outcomes: tuple[TargetOutcome, ...]
    tally: PatchTotals
    sink_failures: dict[str, str]
    notes: tuple[str, ...]
    store: str
    elapsed_s: float
