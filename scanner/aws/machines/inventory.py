"""Reads SSM GetInventory: the nodes that Inventory keeps, the stopped and the terminated among them.

Source: SSM API reference, GetInventory; recorded answers have nodes whose `Data` is empty, and terminated ones with
two members. Every count and time is text.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import msgspec
from msgspec import Struct

from scanner.aws.machines.ask import RULES, Ask, with_token
from scanner.aws.machines.odd_members import OnOdd, ignore_odd, readable, text_member
from scanner.aws.operations import GET_INVENTORY
from scanner.aws.requests.pagination import Page, pages
from scanner.aws.transport.decoding import Undecodable, decode
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


class _Content(Struct, rename="pascal"):
    instance_status: str | None = None
    resource_type: str | None = None
    platform_type: str | None = None
    platform_name: str | None = None
    platform_version: str | None = None
    computer_name: str | None = None
    ip_address: str | None = None
    agent_version: str | None = None


class _Item(Struct, rename="pascal"):
    content: list[_Content] | None = None
    capture_time: str | None = None


class _Data(Struct, rename={"item": _TYPE}):
    item: _Item | None = None


class _Entity(Struct, rename="pascal"):
    id: str
    data: _Data | None = None


class _Answer(Struct, rename="pascal"):
    entities: list[_Entity]
    next_token: str | None = None


class _AnyEntity(Struct, rename="pascal"):
    id: str
    data: dict[str, object] | None = None


class _AnyAnswer(Struct, rename="pascal"):
    entities: list[msgspec.Raw]
    next_token: str | None = None


_ANSWER, _ANY_ANSWER = msgspec.json.Decoder(_Answer), msgspec.json.Decoder(_AnyAnswer)
_ANY_ENTITY = msgspec.json.Decoder(_AnyEntity)

#: Decides from the id and the status of a node whether it is wanted.
IsWanted = Callable[[str, str | None], bool]


def every_node(_instance_id: str, _status: str | None) -> bool:
    """Returns True: every node is wanted."""
    return True


async def inventory_nodes(
    ask: Ask, name: str, on_odd: OnOdd = ignore_odd, is_wanted: IsWanted = every_node
) -> AsyncIterator[Sequence[InventoryNode]]:
    """Yields the wanted nodes of those that Inventory keeps, less the terminated, of up to 50 at a time.

    Args:
        ask: sends the requests of the target.
        name: the target, for messages.
        on_odd: takes note of a node that cannot be read.
        is_wanted: of 20,000 nodes a few are; the others cost a microsecond each, where a node costs four.

    Raises:
        AwsError: the caller may not ask, or the listing cannot be read to its end.
    """

    def read(body: bytes) -> Page[InventoryNode]:
        answer = _decoded(body, odd_entity)
        return Page([node for entity in answer.entities for node in _wanted(entity, is_wanted)], answer.next_token)

    async def fetch(token: str | None) -> Page[InventoryNode]:
        return await ask(GET_INVENTORY, with_token(_ALIVE, token), read)

    def odd_entity(raw: msgspec.Raw) -> None:
        instance_id = text_member(raw, "Id")
        on_odd(GET_INVENTORY, f"the node {instance_id}" if instance_id else "a node without an id")

    async for page in pages(fetch, RULES, f"The inventory of {name}"):
        yield page


def _decoded(body: bytes, on_odd: Callable[[msgspec.Raw], None]) -> _Answer:
    """Returns a page; one with a member that is not of its type is read node by node, and costs the node that alone."""
    try:
        return decode(_ANSWER, body)
    except Undecodable:
        answer = decode(_ANY_ANSWER, body)
        return _Answer([*map(_entity, readable(answer.entities, _ANY_ENTITY, on_odd))], answer.next_token)


def _entity(entity: _AnyEntity) -> _Entity:
    item = _members((entity.data or {}).get(_TYPE))
    rows = item.get("Content")
    content = _texts(rows[0] if isinstance(rows, list) and rows else None)
    known = msgspec.convert({"Content": [content], **_texts(item)}, _Item)
    return _Entity(entity.id, _Data(known))


def _members(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> dict[str, object]:
    return {name: member for name, member in _members(value).items() if isinstance(member, str)}


def _wanted(entity: _Entity, is_wanted: IsWanted) -> Iterator[InventoryNode]:
    item = entity.data.item if entity.data else None
    content = item.content[0] if item and item.content else _Content()
    status = content.instance_status or None
    if not is_wanted(entity.id, status):
        return
    facts = ManagedNode(
        instance_id=entity.id,
        resource_type=content.resource_type or None,
        platform_type=content.platform_type or None,
        platform_name=content.platform_name or None,
        platform_version=content.platform_version or None,
        computer_name=content.computer_name or None,
        ip_address=content.ip_address or None,
        agent_version=content.agent_version or None,
    )
    yield InventoryNode(entity.id, status, facts, epoch_ms(item.capture_time if item else None))
