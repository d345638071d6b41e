"""What SSM Inventory and associations know of a machine."""

from __future__ import annotations

from msgspec import Struct

from scanner.core.errors import AwsError
from scanner.core.model import EpochMs, ManagedNode, PatchState

MIDWAY = "failed midway"  # how a sentence names a listing of which the first rows were read
UNREADABLE = "what cannot be read"  # how a sentence names members of an answer that are not what they should be


class NotAsked(Struct, frozen=True):
    """A source that was not asked. `reason` says which action AWS refused; None: the settings turn the source off.

    `gap` is the error that the target ends with, where the settings require the source.
    """

    reason: str | None = None
    gap: AwsError | None = None


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

    `state` has the counts and times as far as AWS has them; `compliance` is COMPLIANT or NON_COMPLIANT.
    """

    instance_id: str
    compliance: str | None
    state: PatchState


class SourceCheck(Struct, frozen=True):
    """A request of a further source that AWS refused when it was tried: its IAM action and the reason.

    `is_required`: the settings require the source, so that a scan would call the target a gap. `is_denied` False:
    the request failed for another reason than a policy.
    """

    action: str
    reason: str
    is_required: bool = False
    is_denied: bool = True
