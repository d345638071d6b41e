"""What a scan was asked to read: the part of the settings that is stored with it, under names of its own.

Stored requests outlive the settings. A setting can be renamed, moved or dropped without a change here; a new member
gets a default, so that older requests stay readable.
"""

from __future__ import annotations

from msgspec import Struct, convert, field, to_builtins

from scanner.core.model import Mode
from scanner.core.safe_text import mask_secrets
from scanner.core.settings import Settings
from scanner.core.state_names import PATCH_STATES

# In the place of a scan id to resume: the newest unfinished scan of the same request or, without one, a new scan.
LATEST_OR_NEW = "latest-or-new"


class RequestedScope(Struct, frozen=True):
    """Accounts and Regions, each one keyword or a list of ids; the external id itself is never stored."""

    accounts: tuple[str, ...] = ("current",)
    exclude_accounts: tuple[str, ...] = ()
    ous: tuple[str, ...] = ()
    exclude_ous: tuple[str, ...] = ()
    regions: tuple[str, ...] = ("current",)
    exclude_regions: tuple[str, ...] = ()
    role_name: str | None = None
    has_external_id: bool = False


class NodeFilters(Struct, frozen=True):
    """Which managed nodes, and the keys of their tags that are delivered; empty means all."""

    tags: dict[str, tuple[str, ...]] = {}
    platform_types: tuple[str, ...] = ()
    ping_statuses: tuple[str, ...] = ()
    tag_keys: tuple[str, ...] = ()


class PatchFilters(Struct, frozen=True):
    """Which patches, by the server-side filters of DescribeInstancePatches; empty means all."""

    states: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    classifications: tuple[str, ...] = ()
    kb_ids: tuple[str, ...] = ()
    not_applicable: bool = True

    @property
    def wanted_states(self) -> tuple[str, ...]:
        """Returns the State filter: the states that are named, else all but NOT_APPLICABLE, or none (empty)."""
        if self.states or self.not_applicable:
            return self.states
        return tuple(state for state in PATCH_STATES if state != "NOT_APPLICABLE")


class RequestedCoverage(Struct, frozen=True):
    """How each source besides the patch calls is used, and whether unmanaged machines are gaps."""

    ec2: str = "auto"
    inventory: str = "auto"
    associations: str = "auto"
    tags: str = "auto"
    baselines: str = "auto"
    unmanaged: str = "report"


class ScanRequest(Struct, frozen=True):
    """All that decides which rows a scan holds, and the sinks they were meant for, without their secrets.

    `coverage` is None in requests from before there were such sources.
    """

    scope: RequestedScope = field(default_factory=RequestedScope)
    nodes: NodeFilters = field(default_factory=NodeFilters)
    patches: PatchFilters = field(default_factory=PatchFilters)
    mode: Mode = "full"
    sinks: tuple[str, ...] = ()
    coverage: RequestedCoverage | None = None


def request_of(settings: Settings) -> ScanRequest:
    """Returns what these settings ask for, fit to be stored: the secrets of sinks are masked."""
    scope, nodes = settings.scope, settings.nodes
    return ScanRequest(
        scope=RequestedScope(
            accounts=scope.accounts,
            exclude_accounts=scope.exclude_accounts,
            ous=scope.ous,
            exclude_ous=scope.exclude_ous,
            regions=scope.regions,
            exclude_regions=scope.exclude_regions,
            role_name=scope.role_name,
            has_external_id=scope.external_id is not None,
        ),
        nodes=NodeFilters(nodes.tags, nodes.platform_types, nodes.ping_statuses, nodes.tag_keys),
        patches=patch_filters(settings),
        mode=settings.mode,
        sinks=tuple(map(mask_secrets, settings.sinks)),
        coverage=convert(to_builtins(settings.coverage), RequestedCoverage),
    )


def patch_filters(settings: Settings) -> PatchFilters:
    """Returns the filters of patches in these settings."""
    patches = settings.patches
    not_applicable = settings.mode != "lean" if patches.not_applicable is None else patches.not_applicable
    return PatchFilters(patches.states, patches.severities, patches.classifications, patches.kb_ids, not_applicable)
