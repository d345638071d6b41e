"""Answers Organizations: the root, its units, and the accounts in each."""

from __future__ import annotations

from msgspec import Struct

from scanner.simulator.api.organizations import ORGANIZATION_ID, ROOT_ID, account_row, check_management
from scanner.simulator.api.replies import Reply, json_reply, modeled
from scanner.simulator.api.ssm_requests import decoder
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.world.organization import World


class _Request(Struct, rename="pascal"):
    parent_id: str = ""
    child_id: str = ""


_read = decoder(_Request)


def describe_organization(simulation: Simulation, call: Call) -> Reply:
    """Answers who manages the organization."""
    check_management(simulation, call)
    hub = simulation.world.hub_account_id
    return json_reply(
        {
            "Organization": {
                "Id": ORGANIZATION_ID,
                "Arn": f"arn:aws:organizations::{hub}:organization/{ORGANIZATION_ID}",
                "FeatureSet": "ALL",
                "MasterAccountId": hub,
                "MasterAccountArn": f"arn:aws:organizations::{hub}:account/{ORGANIZATION_ID}/{hub}",
                "MasterAccountEmail": "aws@example.com",
            }
        }
    )


def list_roots(simulation: Simulation, call: Call) -> Reply:
    """Answers the one root."""
    check_management(simulation, call)
    arn = f"arn:aws:organizations::{simulation.world.hub_account_id}:root/{ORGANIZATION_ID}/{ROOT_ID}"
    return json_reply({"Roots": [{"Id": ROOT_ID, "Arn": arn, "Name": "Root", "PolicyTypes": []}]})


def list_organizational_units_for_parent(simulation: Simulation, call: Call) -> Reply:
    """Answers the units directly below a root or a unit.

    Raises:
        AwsFailure: ParentNotFoundException.
    """
    check_management(simulation, call)
    parent = _parent(simulation.world, _read(call.body).parent_id)
    hub = simulation.world.hub_account_id
    rows = [
        {
            "Id": ou_id,
            "Arn": f"arn:aws:organizations::{hub}:ou/{ORGANIZATION_ID}/{ou_id}",
            "Name": simulation.world.ou_names.get(ou_id, ou_id),
        }
        for ou_id in _children(simulation.world, parent)
    ]
    return json_reply({"OrganizationalUnits": rows})


def list_accounts_for_parent(simulation: Simulation, call: Call) -> Reply:
    """Answers the accounts directly in a root or a unit.

    Raises:
        AwsFailure: ParentNotFoundException.
    """
    check_management(simulation, call)
    parent = _parent(simulation.world, _read(call.body).parent_id)
    rows = [
        account_row(simulation, account)
        for account in simulation.world.accounts.values()
        if (account.ou_ids[-1] if account.ou_ids else ROOT_ID) == parent
    ]
    return json_reply({"Accounts": rows})


def list_parents(simulation: Simulation, call: Call) -> Reply:
    """Answers what an account is in.

    Raises:
        AwsFailure: ChildNotFoundException.
    """
    check_management(simulation, call)
    account = simulation.world.accounts.get(_read(call.body).child_id)
    if account is None:
        raise modeled("ChildNotFoundException", "You specified an account that does not exist.")
    if account.ou_ids:
        return json_reply({"Parents": [{"Id": account.ou_ids[-1], "Type": "ORGANIZATIONAL_UNIT"}]})
    return json_reply({"Parents": [{"Id": ROOT_ID, "Type": "ROOT"}]})


def _parent(world: World, parent_id: str) -> str:
    units = {ou_id for account in world.accounts.values() for ou_id in account.ou_ids}
    if parent_id not in {ROOT_ID, *units}:
        raise modeled("ParentNotFoundException", "We can't find a root or OU with the ParentId that you specified.")
    return parent_id


def _children(world: World, parent_id: str) -> list[str]:
    paths = {(ROOT_ID, *account.ou_ids) for account in world.accounts.values()}
    below = {path[path.index(parent_id) + 1] for path in paths if parent_id in path[:-1]}
    return sorted(below)
