"""The SSM answers as they come: permissive structs, decoded straight from the bytes; unknown members are skipped."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Struct

from scanner.aws.operations import Operation
from scanner.core.errors import Transient
from scanner.core.model import Patch, Target

Time = float | str | None
"""Epoch seconds, ISO 8601 text, or nothing. Zero, negative and year 1 mean unknown."""


Count = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)] | None
"""An `Integer` of the model has 32 bits; a number beyond them is no count, but a torn answer."""


class PatchesAnswer(Struct, rename="pascal"):
    """Of DescribeInstancePatches."""

    patches: list[Patch]
    next_token: str | None = None


class WirePatchState(Struct, rename="pascal", gc=False):
    """InstancePatchState."""

    instance_id: str
    patch_group: str | None = None
    baseline_id: str | None = None
    snapshot_id: str | None = None
    operation: str | None = None
    operation_start_time: Time = None
    operation_end_time: Time = None
    reboot_option: str | None = None
    installed_count: Count = None
    installed_other_count: Count = None
    installed_pending_reboot_count: Count = None
    installed_rejected_count: Count = None
    missing_count: Count = None
    failed_count: Count = None
    not_applicable_count: Count = None
    unreported_not_applicable_count: Count = None
    available_security_update_count: Count = None
    critical_non_compliant_count: Count = None
    security_non_compliant_count: Count = None
    other_non_compliant_count: Count = None


class PatchStatesAnswer(Struct, rename="pascal"):
    """Of DescribeInstancePatchStates."""

    instance_patch_states: list[WirePatchState]
    next_token: str | None = None


class WireNode(Struct, rename="pascal", gc=False):
    """InstanceInformation."""

    instance_id: str
    resource_type: str | None = None
    platform_type: str | None = None
    platform_name: str | None = None
    platform_version: str | None = None
    computer_name: str | None = None
    ip_address: str | None = msgspec.field(default=None, name="IPAddress")
    agent_version: str | None = None
    ping_status: str | None = None
    last_ping_date_time: Time = None


class NodesAnswer(Struct, rename="pascal"):
    """Of DescribeInstanceInformation."""

    instance_information_list: list[WireNode]
    next_token: str | None = None


A = TypeVar("A")
PATCHES = msgspec.json.Decoder(PatchesAnswer)
PATCH_STATES = msgspec.json.Decoder(PatchStatesAnswer)
NODES = msgspec.json.Decoder(NodesAnswer)


def decoded(decoder: msgspec.json.Decoder[A], body: bytes, operation: Operation, at: Target) -> A:
    """Decode an answer.

    Raises:
        Transient: torn, not JSON, or without the list it is all about: a page of a proxy, or half an answer.
    """
    try:
        return decoder.decode(body)
    # Bytes that are not UTF-8, or brackets without end, are no DecodeError to msgspec.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Transient(
            f"{operation} in account {at.account_id}, Region {at.region}, failed: the answer is torn or not one of "
            f"AWS ({error})"
        ) from error
