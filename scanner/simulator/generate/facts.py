"""Builds what DescribeInstanceInformation and DescribeInstancePatchStates return for a node."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, field

from scanner.simulator.generate.calendar import is_window
from scanner.simulator.generate.packages import DAY_S
from scanner.simulator.generate.patches import patches_of
from scanner.simulator.generate.platforms import PLATFORMS
from scanner.simulator.world.organization import Node, Trait

MISCOUNT = {"Installed": 3, "Missing": 1}  # How far the counts of a MISMATCHED node are off


STALE_S = 40 * DAY_S  # how far back the data of a STALE node lies


class WireNode(Struct, frozen=True, gc=False, rename="pascal"):
    """InstanceInformation."""

    instance_id: str
    ping_status: str
    last_ping_date_time: float
    agent_version: str
    is_latest_version: bool
    platform_type: str
    platform_name: str
    platform_version: str
    resource_type: str
    ip_address: str = field(name="IPAddress")
    computer_name: str
    association_status: str
    source_id: str
    source_type: str
    registration_date: float
    last_association_execution_date: float
    last_successful_association_execution_date: float
    association_overview: dict[str, object]
    name: str | UnsetType = UNSET
    iam_role: str | UnsetType = UNSET
    activation_id: str | UnsetType = UNSET


class WirePatchState(Struct, frozen=True, gc=False, rename="pascal"):
    """InstancePatchState."""

    instance_id: str
    patch_group: str
    baseline_id: str
    operation: str
    operation_start_time: float
    operation_end_time: float
    installed_count: int
    installed_other_count: int
    installed_pending_reboot_count: int
    installed_rejected_count: int
    missing_count: int
    failed_count: int
    not_applicable_count: int
    unreported_not_applicable_count: int
    critical_non_compliant_count: int
    security_non_compliant_count: int
    other_non_compliant_count: int
    snapshot_id: str | UnsetType = UNSET
    reboot_option: str | UnsetType = UNSET
    available_security_update_count: int | UnsetType = UNSET
    last_no_reboot_install_operation_time: float | UnsetType = UNSET
    install_override_list: str | UnsetType = UNSET


def launched_s(node: Node, as_of_s: int, rng: Random) -> int:
    """Returns the midnight since which a node is there."""
    return as_of_s - rng.randrange(2, 400) * DAY_S if node.days is None else node.days.launched * DAY_S


def wire_node(node: Node, as_of_s: int) -> WireNode:
    platform = PLATFORMS[node.platform]
    rng = Random(f"facts:{node.seed}")
    lost = Trait.CONNECTION_LOST in node.traits
    associated_s = float(as_of_s - rng.randrange(600, 80_000) - (Trait.STALE in node.traits) * STALE_S)
    return WireNode(
        instance_id=node.instance_id,
        ping_status="ConnectionLost" if lost else "Online",
        last_ping_date_time=as_of_s - rng.randrange(300) - (lost * 86400 * 3) + rng.randrange(1000) / 1000,
        agent_version=rng.choice(("3.3.3050.0", "3.3.2958.0", "3.3.1802.0", "3.2.2303.0")),
        is_latest_version=False,
        platform_type=platform.platform_type,
        platform_name=platform.name,
        platform_version=platform.version,
        resource_type="ManagedInstance" if node.is_hybrid else "EC2Instance",
        ip_address=f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}",
        computer_name=node.computer_name,
        association_status="Success",
        source_id=node.instance_id,
        source_type="AWS::SSM::ManagedInstance" if node.is_hybrid else "AWS::EC2::Instance",
        registration_date=float(launched_s(node, as_of_s, Random(f"registered:{node.seed}"))),
        last_association_execution_date=associated_s,
        last_successful_association_execution_date=associated_s,
        association_overview={"DetailedStatus": "Success", "InstanceAssociationStatusAggregatedCount": {"Success": 2}},
        name=node.computer_name.split(".", maxsplit=1)[0] if node.is_hybrid else UNSET,
        iam_role="patchsweep-hybrid" if node.is_hybrid else UNSET,
        activation_id=str(UUID(int=Random(f"activation:{node.seed}").getrandbits(128), version=4))
        if node.is_hybrid
        else UNSET,
    )


def wire_patch_state(
    node: Node, generation: int, as_of_s: int, *, baseline_id: str, rescans: int = 0
) -> WirePatchState | None:
    """Returns the patch state as AWS stores it at a moment of the world, or None where it has none.

    `generation` counts the patching operations that changed the node's rows, `rescans` those since then that left
    them as they are: end time and snapshot move.
    """
    if node.is_empty or node.traits & {Trait.STATE_MISSING, Trait.GONE}:
        return None
    platform = PLATFORMS[node.platform]
    patches = patches_of(node, generation, as_of_s)
    as_of_s = as_of_s if node.days is None else node.days.operated * DAY_S
    installed_before_s = as_of_s + (generation - 1) * DAY_S - Random(f"installed:{node.seed}").randrange(600, 80_000)
    rng = _rng_of_operation(node, generation, rescans)
    counts = _reported_counts(node, patches.by_state)
    is_windows = platform.family == "windows"
    not_applicable = counts.get("NotApplicable", 0) if is_windows else platform.not_applicable
    end_s = as_of_s - rng.randrange(600, 80_000) + (generation + rescans) * DAY_S + rng.randrange(1000) / 1000
    end_s -= STALE_S if node.traits & {Trait.STALE, Trait.BASELINE_OVERRIDE} else 0
    installs, pending = _is_patched(node, generation) and not rescans, counts.get("InstalledPendingReboot", 0)
    state = WirePatchState(
        instance_id=node.instance_id,
        patch_group=dict(node.tags).get("PatchGroup", ""),
        baseline_id=baseline_id,
        operation="Install" if installs else "Scan",
        operation_start_time=end_s - rng.randrange(20, 400),
        operation_end_time=end_s,
        installed_count=counts.get("Installed", 0),
        installed_other_count=counts.get("InstalledOther", 0),
        installed_pending_reboot_count=counts.get("InstalledPendingReboot", 0),
        installed_rejected_count=counts.get("InstalledRejected", 0),
        missing_count=counts.get("Missing", 0),
        failed_count=counts.get("Failed", 0),
        not_applicable_count=not_applicable,
        unreported_not_applicable_count=rng.randrange(12) if is_windows else rng.choice((0, -1)),
        critical_non_compliant_count=patches.critical,
        security_non_compliant_count=patches.security,
        other_non_compliant_count=patches.other,
        snapshot_id=UNSET if Trait.NO_SNAPSHOT in node.traits else str(UUID(int=rng.getrandbits(128), version=4)),
        reboot_option=("NoReboot" if pending else "RebootIfNeeded") if installs else UNSET,
        available_security_update_count=counts.get("AvailableSecurityUpdate", 0) if is_windows else UNSET,
        last_no_reboot_install_operation_time=float(installed_before_s) if pending else UNSET,
    )
    return _without_counts(state) if Trait.COUNTS_UNKNOWN in node.traits else state


def _is_patched(node: Node, generation: int) -> bool:
    return generation > 0 if node.days is None else is_window(node, node.days.operated)


def _rng_of_operation(node: Node, generation: int, rescans: int) -> Random:
    parts = ["state", node.seed, generation]
    parts += [rescans] if rescans else []
    parts += [node.days.operated] if node.days else []
    return Random(":".join(map(str, parts)))


def _reported_counts(node: Node, by_state: Mapping[str, int]) -> Mapping[str, int]:
    """Returns how many patches AWS says each state has: of a mismatched node more than it lists."""
    if Trait.MISMATCHED not in node.traits:
        return by_state
    return {state: by_state.get(state, 0) + MISCOUNT.get(state, 0) for state in by_state.keys() | MISCOUNT.keys()}


def _without_counts(state: WirePatchState) -> WirePatchState:
    """Returns the state that a failed operation leaves: counts of -1 and times of 1970."""
    return WirePatchState(
        instance_id=state.instance_id,
        patch_group=state.patch_group,
        baseline_id=state.baseline_id,
        operation=state.operation,
        operation_start_time=0.0,
        operation_end_time=0.0,
        installed_count=-1,
        installed_other_count=-1,
        installed_pending_reboot_count=-1,
        installed_rejected_count=-1,
        missing_count=-1,
        failed_count=-1,
        not_applicable_count=-1,
        unreported_not_applicable_count=-1,
        critical_non_compliant_count=-1,
        security_non_compliant_count=-1,
        other_non_compliant_count=-1,
        snapshot_id=state.snapshot_id,
    )
