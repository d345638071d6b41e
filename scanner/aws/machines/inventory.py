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
from scanner.aws.operations import GET_INVENTORY
from scanner.aws.requests.pagination import Page, pages
from scanner.aws.transport.decoding import decode
from scanner.aws.transport.interface import Payload
from scanner.core.machines import InventoryNode
from scanner.core.model import ManagedNode
from scanner.core.normalize import epoch_ms

_TYPE = "AWS:InstanceInformation"
#: Terminated nodes stay for about 30 days and are never scanned: AWS is asked to leave them out.
_ALIVE: Payload = {
    "Filters": [{"Key": f"{_TYPE}.InstanceStatus", "Values": ["Terminated"], "Type": "NotEqual"}],
    "MaxResults": 50,
}


class _Item(Struct, rename="pascal"):
    capture_time: str | None = None
    content: list[dict[str, object]] | None = None


class _Entity(Struct, rename="pascal"):
    id: str = ""
    data: dict[str, _Item] | None = None


class _Answer(Struct, rename="pascal"):
    entities: list[_Entity]
    next_token: str | None = None


_DECODER = msgspec.json.Decoder(_Answer)


async def inventory_nodes(ask: Ask, name: str) -> AsyncIterator[Sequence[InventoryNode]]:
    """Yields the nodes that Inventory keeps, less the terminated, in pages of up to 50.

    Args:
        ask: sends the requests of the target.
        name: the target, for messages.

    Raises:
        AwsError: the caller may not ask, or the listing cannot be read to its end.
    """

    async def fetch(token: str | None) -> Page[InventoryNode]:
        answer = await ask(GET_INVENTORY, with_token(_ALIVE, token), partial(decode, _DECODER))
        return Page([_node(entity) for entity in answer.entities if entity.id], answer.next_token)

    async for page in pages(fetch, RULES, f"The inventory of {name}"):
        yield page


def _node(entity: _Entity) -> InventoryNode:
    item = (entity.data or {}).get(_TYPE)
    members = item.content[0] if item and item.content else {}
    # A member that is no text costs itself, not the page of nodes.
    content = {name: value for name, value in members.items() if isinstance(value, str)}
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
    captured_at = epoch_ms(item.capture_time) if item else None
    return InventoryNode(entity.id, content.get("InstanceStatus") or None, facts, captured_at)
