"""Reads SSM GetInventory: the nodes that Inventory keeps, the stopped and the terminated among them.

Source: SSM API reference, GetInventory; recorded answers have nodes whose `Data` is empty, and terminated ones with
two members. Every count and time is text.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

import msgspec
from msgspec import Struct

from scanner.aws.machines.ask import RULES, Ask, with_token
from scanner.aws.machines.odd_members import OnOdd, ignore_odd, readable, text_member
from scanner.aws.operations import GET_INVENTORY
from scanner.aws.requests.pagination import Page, pages
from scanner.aws.transport.decoding import decode
from scanner.aws.transport.interface import Payload
from scanner.core.machines import InventoryNode
from scanner.core.model import ManagedNode
from scanner.core.normalize import epoch_ms

STOPPED = "Stopped"  # the status of a node that is not terminated and does not run
_TYPE = "AWS:InstanceInformation"
#: Terminated nodes stay for about 30 days and are never scanned: AWS is asked to leave them out.
_ALIVE: Payload = {
    "Filters": [{"Key": f"{_TYPE}.InstanceStatus", "Values": ["Terminated"], "Type": "NotEqual"}],
    "MaxResults": 50,
}


class _Entity(Struct, rename="pascal"):
    id: str
    data: dict[str, object] | None = None


class _Answer(Struct, rename="pascal"):
    entities: list[msgspec.Raw]
    next_token: str | None = None


_DECODER = msgspec.json.Decoder(_Answer)
_ENTITIES = msgspec.json.Decoder(_Entity)


async def inventory_nodes(ask: Ask, name: str, on_odd: OnOdd = ignore_odd) -> AsyncIterator[Sequence[InventoryNode]]:
    """Yields the nodes that Inventory keeps, less the terminated, in pages of up to 50.

    Args:
        ask: sends the requests of the target.
        name: the target, for messages.
        on_odd: takes note of a node that cannot be read.

    Raises:
        AwsError: the caller may not ask, or the listing cannot be read to its end.
    """

    async def fetch(token: str | None) -> Page[InventoryNode]:
        answer = await ask(GET_INVENTORY, with_token(_ALIVE, token), partial(decode, _DECODER))
        entities = readable(answer.entities, _ENTITIES, odd_entity)
        return Page([_node(entity) for entity in entities], answer.next_token)

    def odd_entity(raw: msgspec.Raw) -> None:
        instance_id = text_member(raw, "Id")
        on_odd(GET_INVENTORY, f"the node {instance_id}" if instance_id else "a node without an id")

    async for page in pages(fetch, RULES, f"The inventory of {name}"):
        yield page


def _node(entity: _Entity) -> InventoryNode:
    # A member that is not of its type costs itself, not the node.
    item = _members((entity.data or {}).get(_TYPE))
    rows = item.get("Content")
    content = _texts(rows[0] if isinstance(rows, list) and rows else None)
    facts = ManagedNode(
        instance_id=entity.id,
        resource_type=content.get("ResourceType") or None,
        platform_type=content.get("PlatformType") or None,
        platform_name=content.get("PlatformName") or None,
        platform_version=content.get("PlatformVersion") or None,
        computer_name=content.get("ComputerName") or None,
        ip_address=content.get("IpAddress") or None,
        agent_version=content.get("AgentVersion") or None,
    )
    captured_at = epoch_ms(_texts(item).get("CaptureTime"))
    return InventoryNode(entity.id, content.get("InstanceStatus") or None, facts, captured_at)


def _members(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> dict[str, str]:
    return {name: member for name, member in _members(value).items() if isinstance(member, str)}
