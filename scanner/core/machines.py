"""What sources besides the four patch calls know of a machine: EC2, Inventory, associations, tags and baselines."""

from __future__ import annotations

from msgspec import Struct

from scanner.core.model import EpochMs, ManagedNode, PatchState

Tags = tuple[tuple[str, str], ...]  # Keys and values, in the order in which AWS lists them


class Instance(Struct, frozen=True):
    """One EC2 instance, as DescribeInstances shows it."""

    instance_id: str
    state: str | None = None  # pending, running, shutting-down, terminated, stopping, stopped
    launch_time: EpochMs | None = None
    image_id: str | None = None
    platform_details: str | None = None
    private_dns_name: str | None = None
    has_instance_profile: bool = False
    http_tokens: str | None = None  # required or optional
    operator: str | None = None  # the service of AWS that manages it, such as eks.amazonaws.com
    tags: Tags = ()


class InventoryNode(Struct, frozen=True):
    """One node that SSM Inventory keeps: Active, ConnectionLost, Stopped or Terminated.

    `facts` holds what Inventory says of the node; terminated nodes have their id alone.
    """

    instance_id: str
    status: str | None
    facts: ManagedNode
    captured_at: EpochMs | None = None


class AssociationScan(Struct, frozen=True):
    """The result of AWS-RunPatchBaselineAssociation on a node: counts at best, never a list of patches.

    `state` has the counts and times as far as AWS tells them; `compliance` is COMPLIANT or NON_COMPLIANT.
    """

    instance_id: str
    compliance: str | None
    state: PatchState


class ApprovalRule(Struct, frozen=True):
    """One rule of a baseline: which patches it approves, and when."""

    classifications: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    approve_after_days: int | None = None
    approve_until_date: str | None = None  # YYYY-MM-DD
    compliance_level: str | None = None
    enable_non_security: bool = False


class Baseline(Struct, frozen=True):
    """One patch baseline as GetPatchBaseline shows it.

    `baseline_id` is the id that patch states name: `pb-…`, also where GetPatchBaseline wants the ARN.
    """

    baseline_id: str
    name: str | None = None
    operating_system: str | None = None
    is_default: bool | None = None
    owner: str | None = None  # AWS or Self
    rules: tuple[ApprovalRule, ...] = ()
    approved_patches: tuple[str, ...] = ()
    rejected_patches: tuple[str, ...] = ()
    rejected_patches_action: str | None = None
    available_security_updates: str | None = None
    modified_at: EpochMs | None = None
