"""Answers EC2 and Account Management: which Regions an account has."""

from __future__ import annotations

from urllib.parse import parse_qs

import msgspec
from msgspec import Struct

from scanner.simulator.api.access import check_allowed, check_region, denied
from scanner.simulator.api.replies import AwsFailure, Reply, ec2_reply, json_reply
from scanner.simulator.generate.build import REGIONS
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.world.organization import RegionStatus


class _Request(Struct, rename="pascal"):
    account_id: str | None = None


_requests = msgspec.json.Decoder(_Request)
ALWAYS_ON = frozenset(REGIONS)  # Regions that need no opt-in


def describe_regions(simulation: Simulation, call: Call) -> Reply:
    """Returns the enabled Regions, with `AllRegions` those not opted in to as well; `RegionName.n` filters them.

    Raises:
        AwsFailure: the Region of the request cannot be used.
    """
    check_region(simulation, call)
    check_allowed(simulation, call)
    form = parse_qs(call.body.decode(), keep_blank_values=True)
    all_regions = form.get("AllRegions", ["false"])[0].lower() == "true"
    wanted = {values[0] for name, values in form.items() if name.startswith("RegionName.")}
    known = _regions(simulation, call.account_id)
    strange = wanted - known.keys()
    if strange:
        raise AwsFailure("InvalidParameterValue", f"Invalid region names: [{', '.join(sorted(strange))}]")
    items = "".join(
        f"<item><regionName>{name}</regionName><regionEndpoint>ec2.{name}.amazonaws.com</regionEndpoint>"
        f"<optInStatus>{_opt_in(name, enabled=enabled)}</optInStatus></item>"
        for name, enabled in known.items()
        if (enabled or all_regions) and (not wanted or name in wanted)
    )
    return ec2_reply(call.operation, f"<regionInfo>{items}</regionInfo>")


def list_regions(simulation: Simulation, call: Call) -> Reply:
    """Answers `account:ListRegions` for the caller's own account or, for the management account, another; on one page.

    Raises:
        AwsFailure: the caller may not ask, or not about this account.
    """
    check_allowed(simulation, call)
    wanted = _requests.decode(call.body or b"{}").account_id or call.account_id
    if call.account_id not in (wanted, simulation.world.hub_account_id):
        raise denied(call, f"account/{wanted}", " because no identity-based policy allows the action")
    rows = [
        {"RegionName": name, "RegionOptStatus": _opt_status(name, enabled=enabled)}
        for name, enabled in _regions(simulation, wanted).items()
    ]
    return json_reply({"Regions": rows})


def _regions(simulation: Simulation, account_id: str) -> dict[str, bool]:
    world_state = simulation.world_state
    return {
        name: world_state.region_status(account_id, name) is not RegionStatus.NOT_ENABLED
        for name in simulation.world.accounts[account_id].regions
    }


def _opt_in(name: str, *, enabled: bool) -> str:
    if name in ALWAYS_ON and enabled:
        return "opt-in-not-required"
    return "opted-in" if enabled else "not-opted-in"


def _opt_status(name: str, *, enabled: bool) -> str:
    if name in ALWAYS_ON and enabled:
        return "ENABLED_BY_DEFAULT"
    return "ENABLED" if enabled else "DISABLED"
