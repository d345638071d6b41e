"""Reads the tags of hybrid nodes from the Resource Groups Tagging API; those of EC2 nodes come with their instances.

Source: Tagging API reference, GetResources. Resources that never had a tag are not listed, and the last page may have
an empty token.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec
from msgspec import Struct

from scanner.aws.machines.ask import RULES, Ask, with_token
from scanner.aws.operations import GET_RESOURCES
from scanner.aws.requests.pagination import Page, pages
from scanner.aws.transport.decoding import decode
from scanner.core.instances import Tags


class _Tag(Struct, rename="pascal"):
    key: str = ""
    value: str = ""


class _Resource(Struct, rename="pascal"):
    resource_arn: str = msgspec.field(default="", name="ResourceARN")
    tags: tuple[_Tag, ...] = ()


class _Answer(Struct, rename="pascal"):
    resource_tag_mapping_list: list[_Resource]
    pagination_token: str | None = None


_DECODER = msgspec.json.Decoder(_Answer)


async def hybrid_tags(ask: Ask, name: str) -> Mapping[str, Tags]:
    """Returns the tags of the target's hybrid nodes, by instance id.

    Args:
        ask: sends the requests of the target.
        name: the target, for messages.

    Raises:
        AwsError: the caller may not ask, or the listing cannot be read to its end.
    """
    payload = {"ResourceTypeFilters": ["ssm:managed-instance"], "ResourcesPerPage": 100}

    async def fetch(token: str | None) -> Page[_Resource]:
        answer = await ask(GET_RESOURCES, with_token(payload, token, "PaginationToken"), partial(decode, _DECODER))
        return Page(answer.resource_tag_mapping_list, answer.pagination_token)

    tags: dict[str, Tags] = {}
    async for page in pages(fetch, RULES, f"The tags of {name}"):
        for row in page:
            tags[row.resource_arn.rpartition("/")[2]] = tuple((tag.key, tag.value) for tag in row.tags)
    return tags
