"""Applies the lasting faults to the world, so that what a correct scan finds includes them."""

from __future__ import annotations

from msgspec import structs

from scanner.simulator.world.faults import Faults
from scanner.simulator.world.organization import Account, Node, Region, RegionStatus, Trait, World
from scanner.simulator.world.seeded_random import seeded_random

_SETTINGS = {trait: trait.name.lower() for trait in Trait}


def apply_faults(world: World, faults: Faults) -> World:
    """Returns the world with faults on the nodes, accounts and Regions that seeded random numbers choose."""
    traits = {trait: getattr(faults, name) for trait, name in _SETTINGS.items() if getattr(faults, name)}
    if not traits and not (faults.role_missing or faults.scp_denied or faults.not_enabled):
        return world
    accounts = {account_id: _account(account, world, faults, traits) for account_id, account in world.accounts.items()}
    return structs.replace(world, accounts=accounts)


def _account(account: Account, world: World, faults: Faults, traits: dict[Trait, float]) -> Account:
    is_hub = account.account_id == world.hub_account_id
    has_no_role = not is_hub and seeded_random(faults.seed, "role_missing", account.account_id) < faults.role_missing
    regions = {name: _region(account, region, world, faults, traits) for name, region in account.regions.items()}
    return structs.replace(account, regions=regions, has_role=account.has_role and not has_no_role)


def _region(account: Account, region: Region, world: World, faults: Faults, traits: dict[Trait, float]) -> Region:
    status = region.status
    if region.name != world.home_region:
        if seeded_random(faults.seed, "scp_denied", account.account_id, region.name) < faults.scp_denied:
            status = RegionStatus.SCP_DENIED
        if seeded_random(faults.seed, "not_enabled", account.account_id, region.name) < faults.not_enabled:
            status = RegionStatus.NOT_ENABLED
    nodes = tuple(_node(node, faults, traits) for node in region.nodes) if traits else region.nodes
    return structs.replace(region, nodes=nodes, status=status)


def _node(node: Node, faults: Faults, traits: dict[Trait, float]) -> Node:
    found = {trait for trait, share in traits.items() if seeded_random(faults.seed, trait.name, node.seed) < share}
    return structs.replace(node, traits=node.traits | found) if found else node
