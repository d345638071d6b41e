"""Reads the tags of hybrid nodes from the Resource Groups Tagging API; those of EC2 nodes come with their instances.

Source: Tagging API reference, GetResources. Resources that never had a tag are not listed, and the last page may have
an empty token.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from scanner.aws.machines.ask import RULES, Ask, with_token
from scanner.aws.machines.cut_listings import OnCut, refuse_cut, until_cut
from scanner.aws.machines.odd_members import OnOdd, ignore_odd, readable
from scanner.aws.operations import GET_RESOURCES
from scanner.aws.requests.pagination import Page, pages
from scanner.aws.transport.decoding import decode
from scanner.core.instances import Tags
from scanner.core.packed_values import PackedValues


class _Tag(Struct, rename="pascal"):
    key: Annotated[str, Meta(min_length=1)]
    value: str | None = None


class _Resource(Struct, rename="pascal"):
    resource_arn: str = msgspec.field(name="ResourceARN")
    tags: list[msgspec.Raw] | None = None

    @property
    def instance_id(self) -> str:
        return self.resource_arn.rpartition("/")[2]


class _Answer(Struct, rename="pascal"):
    resource_tag_mapping_list: list[msgspec.Raw]
    pagination_token: str | None = None


_DECODER = msgspec.json.Decoder(_Answer)
_RESOURCES = msgspec.json.Decoder(_Resource)
_TAGS = msgspec.json.Decoder(_Tag)


async def hybrid_tags(
    ask: Ask, name: str, on_odd: OnOdd = ignore_odd, on_cut: OnCut = refuse_cut
) -> Mapping[str, Tags]:
    """Returns the tags of the target's hybrid nodes, by instance id; takes and raises what `tag_pages` does.

    `on_cut` takes note of a listing that breaks off; what it brought before is returned.
    """
    found = PackedValues[Tags](Tags)
    async for page in until_cut(tag_pages(ask, name, on_odd), GET_RESOURCES, on_cut):
        for instance_id, tags in page:
            found[instance_id] = tags
    return found


async def tag_pages(ask: Ask, name: str, on_odd: OnOdd = ignore_odd) -> AsyncIterator[Sequence[tuple[str, Tags]]]:
    """Yields the instance ids of hybrid nodes with their tags, in pages of up to 100.

    Args:
        ask: sends the requests of the target.
        name: the target, for messages.
        on_odd: takes note of a tag or a resource that cannot be read.

    Raises:
        AwsError: the caller may not ask, or the listing cannot be read to its end.
    """
    payload = {"ResourceTypeFilters": ["ssm:managed-instance"], "ResourcesPerPage": 100}

    async def fetch(token: str | None) -> Page[_Resource]:
        answer = await ask(GET_RESOURCES, with_token(payload, token, "PaginationToken"), partial(decode, _DECODER))
        rows = readable(answer.resource_tag_mapping_list, _RESOURCES, lambda _: on_odd(GET_RESOURCES, "a resource"))
        return Page(list(rows), answer.pagination_token)

    def tags_of(row: _Resource) -> Tags:
        def odd_tag(_: msgspec.Raw) -> None:
            on_odd(GET_RESOURCES, f"a tag of {row.instance_id}")

        return tuple((tag.key, tag.value or "") for tag in readable(row.tags or (), _TAGS, odd_tag))

    async for page in pages(fetch, RULES, f"The tags of {name}"):
        yield [(row.instance_id, tags_of(row)) for row in page]
