"""Answers Organizations ListAccounts, twenty accounts at a time."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from scanner.simulator.api.replies import AwsFailure, Reply, json_reply, modeled
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.running.tokens import START, Position
from scanner.simulator.world.organization import Account

MAX_PAGE = 20
ORGANIZATION_ID = "o-a1b2c3d4e5"
ROOT_ID = "r-a1b2"
BUSY = "AWS Organizations can't complete your request because another request is already in progress. Try again later."


class _Request(Struct, rename="pascal"):
    max_results: int | None = None
    next_token: str | None = None


_requests = msgspec.json.Decoder(_Request)


def list_accounts(simulation: Simulation, call: Call) -> Reply:
    """Returns one page of accounts, in every state.

    Raises:
        AwsFailure: no organization, not the management account, a bad page size or token.
    """
    check_management(simulation, call)
    request = _requests.decode(call.body or b"{}")
    size = MAX_PAGE if request.max_results is None else request.max_results
    if not 1 <= size <= MAX_PAGE:
        raise modeled("InvalidInputException", "You specified an invalid value for MaxResults.")
    position = START
    if request.next_token:
        found = simulation.tokens.read("accounts", request.next_token)
        if found is None:
            raise modeled("InvalidInputException", "You specified an invalid value for nextToken.")
        position = found
    return json_reply(_page(simulation, position, size))


def check_management(simulation: Simulation, call: Call) -> None:
    """Accepts a call of the management account.

    Raises:
        AwsFailure: there is no organization, or the caller does not manage it.
    """
    if not simulation.world.has_organization:
        raise modeled("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
    if call.account_id != simulation.world.hub_account_id:
        raise modeled("AccessDeniedException", "You don't have permissions to access this resource.")


def _page(simulation: Simulation, position: Position, size: int) -> dict[str, object]:
    world, start = simulation.world, position.offset
    accounts = list(world.accounts.values())
    if simulation.fault_picker.is_empty_page("accounts", start, position.turn):
        simulation.stats.faults["empty_page"] += 1
        token = simulation.tokens.make("accounts", Position(start, turn=1))
        return {"Accounts": [], "NextToken": token}
    end = start + simulation.fault_picker.page_size("accounts", start, size)
    rows = [account_row(simulation, account) for account in accounts[start:end]]
    page: dict[str, object] = {"Accounts": rows}
    if end < len(accounts):
        page["NextToken"] = simulation.tokens.make("accounts", Position(end))
    elif simulation.faults.end_of_listing != "absent":
        page["NextToken"] = "" if simulation.faults.end_of_listing == "empty" else None
    return page


def account_row(simulation: Simulation, account: Account) -> dict[str, object]:
    """Returns an account in the form of the wire."""
    management_id, fields = simulation.world.hub_account_id, simulation.faults.account_fields
    row: dict[str, object] = {
        "Id": account.account_id,
        "Arn": f"arn:aws:organizations::{management_id}:account/{ORGANIZATION_ID}/{account.account_id}",
        "Email": f"aws+{account.name}@example.com",
        "Name": account.name,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": 1_600_000_000.0,
        "Paths": [f"{'/'.join((ORGANIZATION_ID, ROOT_ID, *account.ou_ids, account.account_id))}/"],
    }
    if fields in ("both", "State"):
        row["State"] = account.status.value
    if fields in ("both", "Status"):
        row["Status"] = account.status.value
    return row


def busy() -> AwsFailure:
    """Returns the refusal of a request while another one is in progress."""
    return modeled("TooManyRequestsException", BUSY)
