"""EC2 instances and patch baselines of the simulated organization, as frozen models."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class InstanceState(StrEnum):
    """As EC2 names it."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    STOPPING = "stopping"
    STOPPED = "stopped"

    @property
    def code(self) -> int:
        """Returns the number that EC2 gives beside the name."""
        return _CODES[self]


_CODES = {
    InstanceState.PENDING: 0,
    InstanceState.RUNNING: 16,
    InstanceState.SHUTTING_DOWN: 32,
    InstanceState.TERMINATED: 48,
    InstanceState.STOPPING: 64,
    InstanceState.STOPPED: 80,
}


class Machine(Struct, frozen=True):
    """One EC2 instance, as DescribeInstances shows it."""

    instance_id: str
    launched_s: int  # Epoch seconds
    state: InstanceState = InstanceState.RUNNING
    image_id: str = "ami-0c0ffee0c0ffee000"
    platform_details: str = "Linux/UNIX"
    private_dns_name: str = ""
    has_instance_profile: bool = True
    http_tokens: str = "required"  # `optional` where instance metadata may still be read without a session token
    http_endpoint: str = "enabled"  # `disabled` where nothing on it can read instance metadata
    operator: str = ""  # The AWS service that manages it, such as `eks.amazonaws.com`; empty: its owner does
    is_hidden: bool = False  # Whether it is left out unless `IncludeManagedResources` is asked for
    tags: tuple[tuple[str, str], ...] = ()


class ApprovalRule(Struct, frozen=True):
    """What a baseline approves, and how many days after its release."""

    classifications: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    approve_after_days: int | None = 7
    approve_until_date: str = ""  # `YYYY-MM-DD`, in the place of `approve_after_days`
    compliance_level: str = "UNSPECIFIED"
    enable_non_security: bool = False


class Baseline(Struct, frozen=True):
    """One patch baseline."""

    baseline_id: str  # `pb-…` of an account's own; the whole ARN of one that AWS owns
    name: str
    operating_system: str  # As SSM names it: `AMAZON_LINUX_2023`, `WINDOWS`
    rules: tuple[ApprovalRule, ...] = ()
    is_default: bool = True
    is_owned_by_aws: bool = False
    approved_patches: tuple[str, ...] = ()
    rejected_patches: tuple[str, ...] = ()
    rejected_patches_action: str = "ALLOW_AS_DEPENDENCY"
    available_security_updates: str = "NON_COMPLIANT"
    modified_s: int = 1_750_000_000  # Epoch seconds
