"""Sends each kind of request that the further sources of a target need, as a scan does, for `patchsweep doctor`.

A smaller page or another decoder would prove less: an answer may be refused for its size or its members.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from scanner.aws.machines.ask import Ask
from scanner.aws.machines.associations import association_scan, has_patch_association
from scanner.aws.machines.baselines import baseline, identities
from scanner.aws.machines.host_management import is_host_management_on
from scanner.aws.machines.instance_pages import instance_pages
from scanner.aws.machines.inventory import inventory_nodes
from scanner.aws.machines.tags import tag_pages
from scanner.aws.operations import (
    DESCRIBE_INSTANCES,
    DESCRIBE_PATCH_BASELINES,
    GET_INVENTORY,
    GET_PATCH_BASELINE,
    GET_RESOURCES,
    GET_SERVICE_SETTING,
    LIST_ASSOCIATIONS,
    LIST_COMPLIANCE_ITEMS,
    Operation,
)
from scanner.aws.requests.pagination import PagingRules
from scanner.core.errors import AwsError, Denied, InvalidNode, NodeGone, RequestRejected
from scanner.core.machines import SourceCheck
from scanner.core.settings import CoverageSettings, SourceUse

Ec2OrTagging = Callable[[], Awaitable[Ask]]


class SourceProbe:
    """Tries the sources that the settings leave on; each request is tried though the one before was refused."""

    def __init__(
        self,
        ssm: Ask,
        ec2: Ec2OrTagging,
        tagging: Ec2OrTagging,
        coverage: CoverageSettings,
        rules: PagingRules,
        name: str,
    ) -> None:
        self._ssm = ssm
        self._ec2 = ec2
        self._tagging = tagging
        self._coverage = coverage
        self._rules = rules
        self._name = name
        self._known_baselines: Mapping[str, tuple[str, bool | None]] = {}

    async def checks(self, instance_id: str | None) -> Sequence[SourceCheck]:
        """Returns the requests that AWS refused or that could not be read.

        Args:
            instance_id: a node of the target; None: what is asked of a node is not tried.
        """
        use = self._coverage
        tries: list[tuple[SourceUse, Operation, Callable[[], Awaitable[object]]]] = [
            (use.ec2, DESCRIBE_INSTANCES, self._instances),
            (use.ec2, GET_SERVICE_SETTING, lambda: is_host_management_on(self._ssm)),
            (use.inventory, GET_INVENTORY, self._inventory),
            (use.associations, LIST_ASSOCIATIONS, lambda: has_patch_association(self._ssm, self._name)),
            (use.tags, GET_RESOURCES, self._tags),
            (use.baselines, DESCRIBE_PATCH_BASELINES, self._baselines),
            (use.baselines, GET_PATCH_BASELINE, self._baseline),
        ]
        if instance_id is not None:
            tries.append((use.associations, LIST_COMPLIANCE_ITEMS, lambda: association_scan(self._ssm, instance_id)))
        checks = [await _try(operation, read, how) for how, operation, read in tries if how != "off"]
        return [check for check in checks if check is not None]

    async def _instances(self) -> None:
        await _first(instance_pages(await self._ec2(), self._rules, self._name))

    async def _inventory(self) -> None:
        await _first(inventory_nodes(self._ssm, self._name))

    async def _tags(self) -> None:
        await _first(tag_pages(await self._tagging(), self._name))

    async def _baselines(self) -> None:
        self._known_baselines = await identities(self._ssm, self._name)

    async def _baseline(self) -> None:
        # Without any, the listing was refused, which is a check of its own, or there is none to read.
        for full_id, is_default in list(self._known_baselines.values())[:1]:
            await baseline(self._ssm, full_id, is_default=is_default)


async def _first(pages: AsyncIterator[object]) -> None:
    """Reads the first page of a listing."""
    async for _ in pages:
        return


async def _try(operation: Operation, read: Callable[[], Awaitable[object]], use: SourceUse) -> SourceCheck | None:
    try:
        await read()
    except (NodeGone, InvalidNode):
        return None  # the node left meanwhile, which says nothing of the permission
    except (AwsError, RequestRejected) as error:
        return SourceCheck(
            operation.iam_action, str(error), is_required=use == "required", is_denied=isinstance(error, Denied)
        )
    return None
