"""Pure: the wire's structs in patchsweep's words. Unknown is None, whichever way AWS spells it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar

from scanner.aws.wire import Time, WireNode, WirePatch, WirePatchState
from scanner.model import EpochMs, ManagedNode, Patch, PatchState, documented_state

V = TypeVar("V")
MAX_REMEMBERED = 50_000
_END_OF_TIME_S = 253_402_300_800.0
"""The first second of the year 10,000."""


class Remembered(dict[str, V], Generic[V]):
    """What a function made of a text, so that the same few texts are worked on, and kept in memory, once."""

    def __init__(self, make: Callable[[str], V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, text: str) -> V:
        if len(self) >= MAX_REMEMBERED:
            self.clear()
        made = self[text] = self._make(text)
        return made


def epoch_ms(time: Time) -> EpochMs | None:
    """Milliseconds of a wire time; zero, negative, year 1 and what lies beyond the calendar are None."""
    if isinstance(time, str):
        time = _seconds(time)
    if time is None or not 0.0 < time < _END_OF_TIME_S:
        return None
    return round(time * 1000.0) or None


def _seconds(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def cve_ids(joined: str) -> tuple[str, ...]:
    """The ids of a comma-joined list, sorted, each once."""
    return tuple(sorted({cve.strip() for cve in joined.split(",")} - {""}))


_texts: Remembered[str | None] = Remembered(lambda text: text or None)
_names: Remembered[str] = Remembered(lambda text: text)
_states: Remembered[str] = Remembered(documented_state)
_cves: Remembered[tuple[str, ...]] = Remembered(cve_ids)


def patches_of(rows: Sequence[WirePatch]) -> list[Patch]:
    """One `Patch` a row, in the order given, duplicates too."""
    return [
        Patch(
            _names[row.kb_id or ""],
            _texts[row.title or ""],
            _texts[row.classification or ""],
            _texts[row.severity or ""],
            _states[row.state or ""],
            epoch_ms(row.installed_time),
            _cves[row.cve_ids] if row.cve_ids else (),
        )
        for row in rows
    ]


def count(reported: int | None) -> int | None:
    """A count, or None where it is absent or -1: a failed or old patching operation did not count."""
    return None if reported is None or reported < 0 else reported


def patch_state_of(row: WirePatchState) -> PatchState:
    return PatchState(
        instance_id=row.instance_id,
        patch_group=row.patch_group or None,
        baseline_id=row.baseline_id or None,
        snapshot_id=row.snapshot_id or None,
        operation=row.operation or None,
        operation_start_time=epoch_ms(row.operation_start_time),
        operation_end_time=epoch_ms(row.operation_end_time),
        reboot_option=row.reboot_option or None,
        installed_count=count(row.installed_count),
        installed_other_count=count(row.installed_other_count),
        installed_pending_reboot_count=count(row.installed_pending_reboot_count),
        installed_rejected_count=count(row.installed_rejected_count),
        missing_count=count(row.missing_count),
        failed_count=count(row.failed_count),
        not_applicable_count=count(row.not_applicable_count),
        unreported_not_applicable_count=count(row.unreported_not_applicable_count),
        available_security_update_count=count(row.available_security_update_count),
        critical_noncompliant_count=count(row.critical_non_compliant_count),
        security_noncompliant_count=count(row.security_non_compliant_count),
        other_noncompliant_count=count(row.other_non_compliant_count),
    )


def node_of(row: WireNode) -> ManagedNode:
    return ManagedNode(
        instance_id=row.instance_id,
        resource_type=row.resource_type or None,
        platform_type=row.platform_type or None,
        platform_name=row.platform_name or None,
        platform_version=row.platform_version or None,
        computer_name=row.computer_name or None,
        ip_address=row.ip_address or None,
        agent_version=row.agent_version or None,
        ping_status=row.ping_status or None,
        last_ping_time=epoch_ms(row.last_ping_date_time),
    )
