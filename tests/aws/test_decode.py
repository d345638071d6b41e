"""Nodes and patch states of the wire in patchsweep's words, and answers that are no answers."""

from __future__ import annotations

import msgspec
import pytest

from scanner.aws.decode import node_of, patch_state_of
from scanner.aws.operations import DESCRIBE_INSTANCE_PATCHES
from scanner.aws.transport import wire
from scanner.core.errors import Transient
from scanner.core.model import ManagedNode, PatchState, Target

AT = Target("222222222222", "eu-west-1")


def decoded(body, decode=wire.decode_patches):
    return wire.decode_answer(decode, body, DESCRIBE_INSTANCE_PATCHES, AT)


@pytest.mark.parametrize("body", [b"", b"{", b'{"Patches":[{"Title":', b"<html>", b"{}", b'{"Patches":null}', b"[]"])
def test_a_torn_answer_may_pass(body):
    with pytest.raises(Transient, match="ssm:DescribeInstancePatches in account 222222222222, Region eu-west-1"):
        decoded(body)


def test_a_patch_state_with_all_it_can_hold():
    counts = {
        "InstalledCount": 50,
        "InstalledOtherCount": 353,
        "InstalledPendingRebootCount": 1,
        "InstalledRejectedCount": 2,
        "MissingCount": 3,
        "FailedCount": 0,
        "NotApplicableCount": 671,
        "UnreportedNotApplicableCount": -1,
        "AvailableSecurityUpdateCount": None,
        "CriticalNonCompliantCount": 4,
        "SecurityNonCompliantCount": 5,
        "OtherNonCompliantCount": 6,
    }
    row = {
        "InstanceId": "i-1",
        "PatchGroup": "",
        "BaselineId": "pb-1",
        "SnapshotId": "s-1",
        "Operation": "Scan",
        "OperationStartTime": 1.5,
        "OperationEndTime": 1567890123.25,
        "RebootOption": "NoReboot",
        "OwnerInformation": "",
        **counts,
    }
    answer = decoded(msgspec.json.encode({"InstancePatchStates": [row]}), wire.PATCH_STATES.decode)
    assert patch_state_of(answer.rows[0]) == PatchState(
        instance_id="i-1",
        patch_group=None,
        baseline_id="pb-1",
        snapshot_id="s-1",
        operation="Scan",
        operation_start_time=1_500,
        operation_end_time=1_567_890_123_250,
        reboot_option="NoReboot",
        installed_count=50,
        installed_other_count=353,
        installed_pending_reboot_count=1,
        installed_rejected_count=2,
        missing_count=3,
        failed_count=0,
        not_applicable_count=671,
        unreported_not_applicable_count=None,
        available_security_update_count=None,
        critical_noncompliant_count=4,
        security_noncompliant_count=5,
        other_noncompliant_count=6,
    )


def test_a_node_with_all_it_can_hold():
    row = {
        "InstanceId": "mi-1",
        "PingStatus": "ConnectionLost",
        "LastPingDateTime": 1.49631548273e9,
        "AgentVersion": "3.2",
        "IsLatestVersion": False,
        "PlatformType": "Linux",
        "PlatformName": "Ubuntu",
        "PlatformVersion": "24.04",
        "ResourceType": "ManagedInstance",
        "IPAddress": "10.0.0.1",
        "ComputerName": "",
    }
    answer = decoded(msgspec.json.encode({"InstanceInformationList": [row]}), wire.NODES.decode)
    assert node_of(answer.rows[0]) == ManagedNode(
        instance_id="mi-1",
        resource_type="ManagedInstance",
        platform_type="Linux",
        platform_name="Ubuntu",
        platform_version="24.04",
        computer_name=None,
        ip_address="10.0.0.1",
        agent_version="3.2",
        ping_status="ConnectionLost",
        last_ping_time=1_496_315_482_730,
    )


def test_counts_that_come_as_text_or_floats_cost_no_row_and_one_that_is_no_count_costs_its_own():
    body = (
        b'{"InstancePatchStates":[{"InstanceId":"i-a","MissingCount":"198","FailedCount":3.0,"InstalledCount":"-1"},'
        b'{"InstanceId":"i-b","MissingCount":"many"},{"InstanceId":"i-c","MissingCount":"99999999999"},'
        b'{"InstanceId":"i-d","MissingCount":2}]}'
    )
    page = wire.PATCH_STATES.decode_by_row(body)
    assert [(row.instance_id, patch_state_of(row).missing_count) for row in page.rows] == [("i-a", 198), ("i-d", 2)]
    assert (patch_state_of(page.rows[0]).failed_count, patch_state_of(page.rows[0]).installed_count) == (3, None)
    assert [row.instance_id for row in page.undecodable] == ["i-b", "i-c"]
