"""What a run's summary shows, counted while the nodes pass by: missing and failed patches, worst accounts, reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import ClassVar, TypeVar

import pyarrow as pa
from anyio import to_thread
from msgspec import Struct

from scanner.core.interfaces import NodeBatch, ScanSummary

_K = TypeVar("_K")

_REASONS_SHOWN = 20
# Reasons may name nodes and so be all different; only the frequent ones are held on to.
_REASONS_HELD = 2_000


class SeverityTally(Struct, frozen=True):
    """Patches of one state and one severity, as AWS says it."""

    state: str
    severity: str | None
    patches: int


class AccountTally(Struct, frozen=True):
    """The patches an account's nodes lack."""

    account_id: str
    missing: int
    failed: int


class ReasonTally(Struct, frozen=True):
    """Nodes that ended with one status for one reason."""

    status: str
    reason: str
    nodes: int


class TallyResult(Struct, frozen=True):
    """The counts so far, each list with the largest first."""

    patches_by_state: dict[str, int]
    patches_by_severity: tuple[SeverityTally, ...]
    accounts: tuple[AccountTally, ...]
    """Those that lack a patch."""
    nodes_by_status: dict[str, int]
    reasons: tuple[ReasonTally, ...]
    """The most frequent ones; counts of rare ones are estimates from below in a scan with thousands of them."""


class Tally:
    """A live sink that only counts; its memory does not grow with the nodes."""

    live: ClassVar[bool] = True

    def __init__(self) -> None:
        self._severities: Counter[tuple[str, str | None]] = Counter()
        self._accounts: Counter[tuple[str, str]] = Counter()
        self._statuses: Counter[str] = Counter()
        self._reasons: Counter[tuple[str, str]] = Counter()

    async def write(self, batch: NodeBatch) -> None:
        """Count the nodes and patches of a batch."""
        await to_thread.run_sync(self._count, batch)

    async def commit(self, scan: ScanSummary) -> None:
        """Nothing to do: `result` shows what was counted at any time."""

    async def aclose(self) -> None:
        """Nothing to release."""

    def result(self) -> TallyResult:
        """What was counted so far."""
        states: Counter[str] = Counter()
        for (state, _), patches in self._severities.items():
            states[state] += patches
        return TallyResult(
            patches_by_state=dict(_largest_first(states)),
            patches_by_severity=tuple(SeverityTally(*key, count) for key, count in _largest_first(self._severities)),
            accounts=self._worst_accounts(),
            nodes_by_status=dict(_largest_first(self._statuses)),
            reasons=tuple(ReasonTally(*key, count) for key, count in _largest_first(self._reasons)[:_REASONS_SHOWN]),
        )

    def _worst_accounts(self) -> tuple[AccountTally, ...]:
        tallies = [
            AccountTally(account_id, self._accounts[account_id, "MISSING"], self._accounts[account_id, "FAILED"])
            for account_id in {account_id for account_id, _ in self._accounts}
        ]
        return tuple(sorted(tallies, key=lambda tally: (-tally.missing - tally.failed, tally.account_id)))

    def _count(self, batch: NodeBatch) -> None:
        for (account_id, state, severity), patches in _groups(batch.patches, "account_id", "state", "severity"):
            self._severities[str(state), severity] += patches
            if state in {"MISSING", "FAILED"}:
                self._accounts[str(account_id), str(state)] += patches
        for (status, reason), nodes in _groups(batch.nodes, "status", "reason"):
            self._statuses[str(status)] += nodes
            if reason is not None:
                self._reasons[str(status), reason] += nodes
        if len(self._reasons) > _REASONS_HELD:
            self._reasons = Counter(dict(self._reasons.most_common(_REASONS_HELD // 2)))


def _largest_first(counts: Counter[_K]) -> list[tuple[_K, int]]:
    """Equal counts in the order of their keys, so that the same scan always reads the same."""
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))


def _groups(table: pa.Table, *columns: str) -> Iterator[tuple[tuple[str | None, ...], int]]:
    """Each combination of values with how many rows have it."""
    grouped = table.group_by(list(columns)).aggregate([([], "count_all")]).to_pydict()
    yield from zip(zip(*(grouped[name] for name in columns), strict=True), grouped["count_all"], strict=True)
