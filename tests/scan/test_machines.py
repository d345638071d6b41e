"""How an instance ends that Systems Manager does not list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.instances import Instance
from scanner.core.model import NodeStatus
from scanner.scan.machines import REGISTRATION_MS, unlisted_machine

NOW = 1_795_132_800_000


def ended(*, host_management=False, **facts):
    facts = {"state": "running", "launch_time": NOW - 10 * REGISTRATION_MS, **facts}
    return unlisted_machine(Instance("i-1", **facts), is_host_management_on=host_management, now=NOW)


@pytest.mark.parametrize("state", ["shutting-down", "terminated"])
def test_an_instance_on_its_way_out_is_no_machine(state):
    assert ended(state=state) is None


@pytest.mark.parametrize("state", ["stopping", "stopped"])
def test_a_stopped_instance_is_not_called_unmanaged(state):
    assert ended(state=state).status is NodeStatus.STOPPED


@pytest.mark.parametrize("state", ["running", "stopped", "pending"])
def test_an_instance_of_a_service_is_the_services_to_patch(state):
    machine = ended(state=state, operator="eks.amazonaws.com")
    assert machine.status is NodeStatus.SERVICE_MANAGED
    assert "eks.amazonaws.com" in machine.reason


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"launch_time": NOW - 7 * 60_000}, "launched 7 minutes ago"),
        ({"has_instance_profile": True}, "check that the role allows Systems Manager"),
        ({}, "no instance profile, and Default Host Management is off"),
        ({"host_management": True, "http_tokens": "required"}, "Default Host Management is on: check"),
        ({"host_management": True, "http_tokens": "optional"}, "needs IMDSv2"),
        ({"host_management": True}, "needs IMDSv2"),
        ({"host_management": None}, "is not known"),
        ({"http_endpoint": "disabled"}, "its instance metadata is turned off"),
        ({"http_endpoint": "disabled", "has_instance_profile": True}, "its instance metadata is turned off"),
        ({"http_endpoint": "enabled"}, "no instance profile"),
        ({"tags": (("aws:autoscaling:groupName", "web"),)}, "is off; an Auto Scaling group launches such instances"),
        ({"launch_time": None}, "no instance profile"),
        ({"launch_time": NOW + 60_000}, "no instance profile"),
    ],
)
def test_the_reason_of_an_unmanaged_instance_is_the_first_that_its_facts_show(facts, reason):
    machine = ended(**facts)
    assert machine.status is NodeStatus.UNMANAGED
    assert reason in machine.reason


@given(
    st.sampled_from(["pending", "running", "hibernating", None]),
    st.booleans(),
    st.sampled_from([True, False, None]),
    st.one_of(st.none(), st.integers(0, 2 * NOW)),
)
def test_every_instance_that_is_not_on_its_way_out_is_accounted_for_with_a_reason(state, profile, on, launched):
    machine = ended(state=state, has_instance_profile=profile, host_management=on, launch_time=launched)
    assert machine.status is NodeStatus.UNMANAGED
    assert machine.reason
    assert "None" not in machine.reason
