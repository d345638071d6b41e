"""Decides which scans can be compared: those that were asked for the same machines and the same patches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from msgspec import Struct, structs

from scanner.core.scan_request import NodeFilters, PatchFilters, RequestedScope, ScanRequest

#: The accounts and Regions of a demonstration where none are named.
DEMO_ACCOUNTS = ("organization",)
DEMO_REGIONS = ("enabled",)

_S = TypeVar("_S", bound=Struct)


class ComparablePart(Struct, frozen=True):
    """What of a request decides which machines and patches a scan covers; equal ones can be compared.

    How AWS is reached, which tags are delivered and whether rows of NOT_APPLICABLE patches are read is no part of it.
    """

    scope: RequestedScope
    nodes: NodeFilters
    patches: PatchFilters
    demo: bool = False

    @property
    def is_default(self) -> bool:
        """Returns whether nothing was chosen: the account and Region of the credentials, all nodes, all patches."""
        return self == comparable_part(ScanRequest(), demo=self.demo)


def comparable_part(request: ScanRequest, *, demo: bool) -> ComparablePart:
    """Returns the part of a request that has to be the same; the order of a list does not matter."""
    scope = structs.replace(with_sorted_lists(request.scope), role_name=None, has_external_id=False)
    tags = {key: tuple(sorted(values)) for key, values in sorted(request.nodes.tags.items())}
    nodes = structs.replace(with_sorted_lists(request.nodes), tags=tags, tag_keys=())
    return ComparablePart(scope, nodes, comparable_filters(request.patches), demo)


def in_demo(wanted: ComparablePart) -> ComparablePart:
    """Returns what a scan of the demonstration has that was asked for the same: all of it where nothing is chosen."""
    default, scope = RequestedScope(), wanted.scope
    accounts = DEMO_ACCOUNTS if scope.accounts == default.accounts else scope.accounts
    regions = DEMO_REGIONS if scope.regions == default.regions else scope.regions
    return structs.replace(wanted, scope=structs.replace(scope, accounts=accounts, regions=regions), demo=True)


def comparable_filters(patches: PatchFilters) -> PatchFilters:
    """Returns filters that are equal for filters under which the same patches that matter are listed."""
    return structs.replace(with_sorted_lists(patches), not_applicable=True)


def scope_text(part: ComparablePart) -> str:
    """Returns the accounts and Regions for people, such as `organization, eu-west-1, us-east-1`."""
    scope = part.scope
    excluded = [*scope.exclude_accounts, *scope.exclude_ous, *scope.exclude_regions]
    chosen = [*scope.accounts, *scope.ous, *scope.regions]
    # `current` twice, for accounts and Regions, is the default.
    words = ["current"] if chosen == ["current", "current"] else chosen
    return ", ".join([*(["demo"] if part.demo else []), *words, *(f"not {each}" for each in excluded)])


def filters_text(part: ComparablePart) -> str:
    """Returns the filters of nodes and patches for people; empty where there are none."""
    return "; ".join(_filters(part))


def _filters(part: ComparablePart) -> Iterator[str]:
    for key, values in part.nodes.tags.items():
        yield f"tag:{key}={','.join(values)}"
    for filters in (part.nodes, part.patches):
        for name, values in structs.asdict(filters).items():
            if isinstance(values, tuple) and values:
                yield f"{name}={','.join(values)}"


def with_sorted_lists(value: _S) -> _S:
    """Returns the struct with its tuples sorted, so that the order in which a user names things does not matter."""
    changed = {name: tuple(sorted(each)) for name, each in structs.asdict(value).items() if isinstance(each, tuple)}
    return structs.replace(value, **changed)
