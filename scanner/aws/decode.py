"""Turns the structs of the wire into those of the model, without I/O. Unknown is None, however AWS spells it."""

from __future__ import annotations

from scanner.aws.transport.wire import WireNode, WirePatchState
from scanner.core.model import ManagedNode, PatchState
from scanner.core.normalize import count, epoch_ms


def patch_state_of(row: WirePatchState) -> PatchState:
    """Returns the patch state of a row of DescribeInstancePatchStates."""
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
        last_no_reboot_install_time=epoch_ms(row.last_no_reboot_install_operation_time),
        install_override_list=row.install_override_list or None,
    )


def node_of(row: WireNode) -> ManagedNode:
    """Returns the node of a row of DescribeInstanceInformation."""
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
        name=row.name or None,
        iam_role=row.iam_role or None,
        activation_id=row.activation_id or None,
        registration_date=epoch_ms(row.registration_date),
        association_status=row.association_status or None,
        last_association_time=epoch_ms(row.last_association_execution_date),
        last_successful_association_time=epoch_ms(row.last_successful_association_execution_date),
        source_type=row.source_type or None,
        source_id=row.source_id or None,
        source_location=row.source_location or None,
    )
