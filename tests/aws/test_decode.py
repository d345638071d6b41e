"""The wire's rows in patchsweep's words, whatever AWS leaves out or makes up."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws import wire
from scanner.aws.decode import MAX_REMEMBERED, Remembered, cve_ids, epoch_ms, node_of, patch_state_of, patches_of
from scanner.aws.operations import DESCRIBE_INSTANCE_PATCHES
from scanner.errors import Transient
from scanner.model import PATCH_STATES, ManagedNode, Patch, PatchState, Target, wire_state

AT = Target("222222222222", "eu-west-1")


def decoded(body, decoder=wire.PATCHES):
    return wire.decoded(decoder, body, DESCRIBE_INSTANCE_PATCHES, AT)


def patches(*rows):
    return patches_of(decoded(msgspec.json.encode({"Patches": rows})).patches)


def test_a_full_row():
    row = {
        "Title": "bind-libs.x86_64:32:9.8.2-0.68.rc1.60.amzn1",
        "KBId": "bind-libs.x86_64",
        "Classification": "Security",
        "Severity": "Important",
        "State": "InstalledPendingReboot",
        "InstalledTime": 1546992000.0,
        "CVEIds": "CVE-2018-5743,CVE-2016-9147, CVE-2018-5743",
        "InstalledBy": "a member that nobody told us of",
    }
    assert patches(row) == [
        Patch(
            "bind-libs.x86_64",
            "bind-libs.x86_64:32:9.8.2-0.68.rc1.60.amzn1",
            "Security",
            "Important",
            "INSTALLED_PENDING_REBOOT",
            1_546_992_000_000,
            ("CVE-2016-9147", "CVE-2018-5743"),
        )
    ]


@pytest.mark.parametrize("absent", [{}, dict.fromkeys(["Title", "Classification", "Severity", "CVEIds"], "")])
def test_what_aws_leaves_empty_is_none(absent):
    assert patches({"KBId": "KB1", "State": "NotApplicable", "InstalledTime": 0.0, **absent}) == [
        Patch("KB1", None, None, None, "NOT_APPLICABLE", None, ())
    ]


def test_null_is_taken_for_every_member():
    names = ["KBId", "Title", "Classification", "Severity", "State", "InstalledTime", "CVEIds"]
    assert patches(dict.fromkeys(names)) == [Patch("", None, None, None, "", None, ())]


def test_duplicate_rows_stay_and_keep_their_order():
    kernels = [{"KBId": "kernel.x86_64", "State": "Installed", "Title": title} for title in ("b", "a", "b")]
    assert [patch.title for patch in patches(*kernels)] == ["b", "a", "b"]


@pytest.mark.parametrize("state", PATCH_STATES)
def test_a_state_comes_in_either_form(state):
    assert [patch.state for patch in patches({"State": state}, {"State": wire_state(state)})] == [state, state]


def test_an_unknown_state_passes_unchanged():
    assert patches({"State": "QuarantinedByX"})[0].state == "QuarantinedByX"


@pytest.mark.parametrize(
    "unknown",
    [None, "", 0, 0.0, -1.0, -62135596800.0, 253402300800.0, 1e300, "0001-01-01T00:00:00Z", "yesterday", "1970-01-01"],
)
@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Asia/Kolkata"])
def test_a_time_that_says_nothing_is_none_in_every_time_zone(unknown, zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert epoch_ms(unknown) is None
    assert patches({"InstalledTime": unknown})[0].installed_time is None


@pytest.fixture(autouse=True)
def _time_zone_of_the_machine():
    yield
    time.tzset()


@pytest.mark.parametrize(
    "text", ["2019-01-09T00:00:00Z", "2019-01-09T01:00:00+01:00", "2019-01-09", "2019-01-09T00:00:00"]
)
def test_iso_times_are_taken_as_utc_where_they_name_no_zone(text, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    assert epoch_ms(text) == 1_546_992_000_000


@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001 -- bounds
def test_epoch_seconds_and_iso_text_agree_to_the_millisecond(moment):
    milliseconds = epoch_ms(moment.timestamp())
    assert milliseconds == pytest.approx(epoch_ms(moment.isoformat()), abs=1)
    assert milliseconds == pytest.approx(moment.timestamp() * 1000, abs=1)


@given(st.one_of(st.none(), st.floats(), st.integers(), st.text()))
def test_no_time_breaks_the_decoding(value):
    found = epoch_ms(value)
    assert found is None or 0 < found < 253_402_300_800_000 + 1


names = st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"]), max_size=8)


@given(st.lists(names))
def test_cve_ids_are_sorted_trimmed_and_unique(ids):
    found = cve_ids(",".join(ids))
    assert list(found) == sorted(set(found))
    assert set(found) == {name.strip() for name in ids} - {""}


texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
rows = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["KBId", "Title", "Classification", "Severity", "State", "CVEIds", "Unknown"], texts),
        "InstalledTime": st.none() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    },
)


@given(st.lists(rows, max_size=60))
def test_every_row_comes_out_once_and_in_its_place(listed):
    found = patches(*listed)
    assert [patch.kb_id for patch in found] == [row.get("KBId") or "" for row in listed]
    assert [patch.title for patch in found] == [row.get("Title") or None for row in listed]


def test_equal_texts_are_kept_in_memory_once():
    one, two = patches({"KBId": "KB1", "Title": "A title"}, {"KBId": "KB1", "Title": "A title"})
    assert one.title is two.title
    assert one.kb_id is two.kb_id


def test_what_is_remembered_is_bounded():
    known = Remembered(str.upper)
    for number in range(MAX_REMEMBERED + 1):
        known[f"text-{number}"]
    assert len(known) == 1
    assert known["again"] == "AGAIN"


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
    answer = decoded(msgspec.json.encode({"InstancePatchStates": [row]}), wire.PATCH_STATES)
    assert patch_state_of(answer.instance_patch_states[0]) == PatchState(
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
    answer = decoded(msgspec.json.encode({"InstanceInformationList": [row]}), wire.NODES)
    assert node_of(answer.instance_information_list[0]) == ManagedNode(
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
