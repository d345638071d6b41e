"""Answers EC2 DescribeInstances and DescribeTags: the instances of a target, managed by SSM or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from scanner.simulator.api.access import check_allowed, check_region
from scanner.simulator.api.paging import cut, position_of
from scanner.simulator.api.replies import AwsFailure, Reply, ec2_reply
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.world.machines import Machine

_DEFAULT_PAGE = 1000
_SIZES = range(5, 1001)
_FILTERS: dict[str, Callable[[Machine], Sequence[str]]] = {
    "instance-state-name": lambda machine: [machine.state.value],
    "instance-id": lambda machine: [machine.instance_id],
    "tag-key": lambda machine: [key for key, _ in machine.tags],
    "resource-id": lambda machine: [machine.instance_id],
    "resource-type": lambda _machine: ["instance"],
}


def describe_instances(simulation: Simulation, call: Call) -> Reply:
    """Answers one page of instances; hidden ones only with `IncludeManagedResources`.

    Raises:
        AwsFailure: what the request, the Region or the token deserves.
    """
    check_region(simulation, call)
    check_allowed(simulation, call)
    form = parse_qs(call.body.decode(), keep_blank_values=True)
    ids = [values[0] for name, values in form.items() if name.startswith("InstanceId.")]
    size = _page_size(form)
    if ids and size is not None:
        raise AwsFailure(
            "InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults"
        )
    is_shown = form.get("IncludeManagedResources", ["false"])[0].lower() == "true"
    machines = [
        machine
        for machine in simulation.world_state.machines(call.account_id, call.region)
        if (is_shown or not machine.is_hidden) and (not ids or machine.instance_id in ids)
    ]
    unknown = set(ids) - {machine.instance_id for machine in machines}
    if unknown:
        raise AwsFailure("InvalidInstanceID.NotFound", f"The instance IDs '{', '.join(sorted(unknown))}' do not exist")
    page, token = _page(simulation, call, machines, form, size or _DEFAULT_PAGE)
    items = "".join(_reservation(call.account_id, machine) for machine in page)
    return ec2_reply(call.operation, f"<reservationSet>{items}</reservationSet>{token}")


def describe_tags(simulation: Simulation, call: Call) -> Reply:
    """Answers one page of the tags of instances.

    Raises:
        AwsFailure: what the request, the Region or the token deserves.
    """
    check_region(simulation, call)
    check_allowed(simulation, call)
    form = parse_qs(call.body.decode(), keep_blank_values=True)
    machines = simulation.world_state.machines(call.account_id, call.region)
    page, token = _page(simulation, call, machines, form, _page_size(form) or _DEFAULT_PAGE)
    items = "".join(
        f"<item><resourceId>{machine.instance_id}</resourceId><resourceType>instance</resourceType>"
        f"<key>{escape(key)}</key><value>{escape(value)}</value></item>"
        for machine in page
        for key, value in machine.tags
    )
    return ec2_reply(call.operation, f"<tagSet>{items}</tagSet>{token}")


def _page_size(form: dict[str, list[str]]) -> int | None:
    text = form.get("MaxResults", [""])[0]
    if not text:
        return None
    if not text.isdigit() or int(text) not in _SIZES:
        raise AwsFailure("InvalidParameterValue", f"Value ( {text} ) for parameter maxResults is invalid.")
    return int(text)


def _page(
    simulation: Simulation, call: Call, machines: Sequence[Machine], form: dict[str, list[str]], size: int
) -> tuple[Sequence[Machine], str]:
    """Cuts the requested page and renders its token as XML."""
    fits = _test(_filters(form))
    listing = f"{call.account_id}/{call.region}/{call.operation}/{sorted(_asked(form))!r}"
    token = form.get("NextToken", [""])[0]
    try:
        position = position_of(simulation, listing, token)
        page = cut(
            simulation, listing, [machine for machine in machines if fits(machine)], position, size=size, token=token
        )
    except AwsFailure as failure:
        raise AwsFailure("InvalidPaginationToken", "The specified pagination token is not valid.") from failure
    return page.items, f"<nextToken>{page.next_token}</nextToken>" if page.next_token else ""


def _asked(form: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    """Returns the request without the members that differ from page to page."""
    return [(name, values) for name, values in form.items() if name not in ("NextToken", "MaxResults")]


def _filters(form: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    named = {name.split(".")[1]: values[0] for name, values in form.items() if _is_filter(name, "Name")}
    found = []
    for number, key in sorted(named.items()):
        if key not in _FILTERS and not key.startswith("tag:"):
            raise AwsFailure("InvalidParameterValue", f"The filter '{key}' is invalid")
        found.append((key, [values[0] for name, values in form.items() if name.startswith(f"Filter.{number}.Value.")]))
    return found


def _is_filter(name: str, part: str) -> bool:
    return name.startswith("Filter.") and name.endswith(f".{part}")


def _test(filters: Sequence[tuple[str, list[str]]]) -> Callable[[Machine], bool]:
    def values_of(machine: Machine, key: str) -> Sequence[str]:
        if key.startswith("tag:"):
            return [value for name, value in machine.tags if name == key.removeprefix("tag:")]
        return _FILTERS[key](machine)

    return lambda machine: all(set(values) & set(values_of(machine, key)) for key, values in filters)


def _reservation(account_id: str, machine: Machine) -> str:
    return (
        f"<item><reservationId>r-{machine.instance_id[2:]}</reservationId><ownerId>{account_id}</ownerId>"
        f"<groupSet/><instancesSet><item>{_instance(account_id, machine)}</item></instancesSet></item>"
    )


def _instance(account_id: str, machine: Machine) -> str:
    state = f"<code>{machine.state.code}</code><name>{machine.state}</name>"
    tags = "".join(
        f"<item><key>{escape(key)}</key><value>{escape(value)}</value></item>" for key, value in machine.tags
    )
    launched = datetime.fromtimestamp(machine.launched_s, UTC)
    metadata = f"<httpTokens>{machine.http_tokens}</httpTokens><httpEndpoint>{machine.http_endpoint}</httpEndpoint>"
    parts = [
        f"<instanceId>{machine.instance_id}</instanceId><imageId>{machine.image_id}</imageId>",
        f"<instanceState>{state}</instanceState>",
        f"<privateDnsName>{escape(machine.private_dns_name)}</privateDnsName>",
        f"<instanceType>t3.medium</instanceType><launchTime>{launched:%Y-%m-%dT%H:%M:%S.000Z}</launchTime>",
        f"<platformDetails>{machine.platform_details}</platformDetails>",
        f"<metadataOptions><state>applied</state>{metadata}</metadataOptions>",
        f"<tagSet>{tags}</tagSet>",
    ]
    if machine.platform_details == "Windows":
        parts.append("<platform>windows</platform>")
    if machine.has_instance_profile:
        arn = f"arn:aws:iam::{account_id}:instance-profile/default"
        parts.append(f"<iamInstanceProfile><arn>{arn}</arn><id>AIPAEXAMPLEEXAMPLEEX</id></iamInstanceProfile>")
    if machine.operator:
        hidden = str(machine.is_hidden).lower()
        parts.append(
            f"<operator><managed>true</managed><principal>{machine.operator}</principal>"
            f"<hiddenByDefault>{hidden}</hiddenByDefault></operator>"
        )
    return "".join(parts)
