"""Converts what the wire says of nodes, patch states and patches into the columns of a correct scan."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import UNSET, UnsetType

from scanner.simulator.generate.facts import WireNode, WirePatchState
from scanner.simulator.generate.packages import PatchRow

DOCUMENTED = {
    "Installed": "INSTALLED",
    "InstalledOther": "INSTALLED_OTHER",
    "InstalledPendingReboot": "INSTALLED_PENDING_REBOOT",
    "InstalledRejected": "INSTALLED_REJECTED",
    "Missing": "MISSING",
    "NotApplicable": "NOT_APPLICABLE",
    "Failed": "FAILED",
    "AvailableSecurityUpdate": "AVAILABLE_SECURITY_UPDATE",
}


class TruePatch(NamedTuple):
    """A row of the `patches` table without its scan id, in the order of its columns."""

    account_id: str
    region: str
    instance_id: str
    kb_id: str
    title: str | None
    classification: str | None
    severity: str | None
    state: str
    installed_time: int | None  # Epoch milliseconds
    cve_ids: tuple[str, ...]


def patch_row(account_id: str, region: str, instance_id: str, row: PatchRow) -> TruePatch:
    cve_ids = () if row.cve_ids is UNSET else tuple(sorted({cve.strip() for cve in row.cve_ids.split(",")}))
    return TruePatch(
        account_id,
        region,
        instance_id,
        row.kb_id,
        row.title or None,
        row.classification or None,
        row.severity or None,
        DOCUMENTED[row.state],
        _ms(row.installed_time),
        cve_ids,
    )


def node_columns(row: WireNode) -> dict[str, str | int | None]:
    return {
        "resource_type": row.resource_type,
        "platform_type": row.platform_type,
        "platform_name": row.platform_name,
        "platform_version": row.platform_version,
        "computer_name": row.computer_name,
        "ip_address": row.ip_address,
        "agent_version": row.agent_version,
        "ping_status": row.ping_status,
        "last_ping_time": _ms(row.last_ping_date_time),
        "name": _text(row.name),
        "iam_role": _text(row.iam_role),
        "activation_id": _text(row.activation_id),
        "registration_date": _ms(row.registration_date),
        "association_status": row.association_status,
        "last_association_time": _ms(row.last_association_execution_date),
        "last_successful_association_time": _ms(row.last_successful_association_execution_date),
        "source_type": row.source_type,
        "source_id": row.source_id,
        "source_location": None,
    }


def state_columns(row: WirePatchState | None) -> dict[str, str | int | None]:
    if row is None:
        return dict.fromkeys(_STATE_COLUMNS)
    values = {name: getattr(row, member) for name, member in _STATE_COLUMNS.items()}
    return {name: _value(value) for name, value in values.items()}


def _value(value: object) -> str | int | None:
    if isinstance(value, float):
        return _ms(value)
    if isinstance(value, int):
        return None if value < 0 else value
    return value or None if isinstance(value, str) else None


def _text(value: str | UnsetType) -> str | None:
    return None if isinstance(value, UnsetType) else value or None


def _ms(seconds: float) -> int | None:
    return round(seconds * 1000) if seconds > 0 else None


#: Column of the `nodes` table: member of the patch state.
_STATE_COLUMNS = {
    "last_no_reboot_install_time": "last_no_reboot_install_operation_time",
    "install_override_list": "install_override_list",
    "patch_group": "patch_group",
    "baseline_id": "baseline_id",
    "snapshot_id": "snapshot_id",
    "operation": "operation",
    "operation_start_time": "operation_start_time",
    "operation_end_time": "operation_end_time",
    "reboot_option": "reboot_option",
    "installed_count": "installed_count",
    "installed_other_count": "installed_other_count",
    "installed_pending_reboot_count": "installed_pending_reboot_count",
    "installed_rejected_count": "installed_rejected_count",
    "missing_count": "missing_count",
    "failed_count": "failed_count",
    "not_applicable_count": "not_applicable_count",
    "unreported_not_applicable_count": "unreported_not_applicable_count",
    "available_security_update_count": "available_security_update_count",
    "critical_noncompliant_count": "critical_non_compliant_count",
    "security_noncompliant_count": "security_non_compliant_count",
    "other_noncompliant_count": "other_non_compliant_count",
}
