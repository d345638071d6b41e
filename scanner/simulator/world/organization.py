"""The simulated organization as a frozen model: what exists, independent of any API."""

from __future__ import annotations

from enum import Enum, StrEnum

from msgspec import Struct

from scanner.simulator.world.machines import Baseline, Machine

DEFAULT_ROLE = "patchsweep-reader"


class Trait(Enum):
    """What is special about a node. GONE, INVALID, DENIED and MISMATCHED determine its status in a correct scan."""

    NEVER_SCANNED = "managed, but no patching operation ever ran"
    ASSOCIATION_SCANNED = "scanned by AWS-RunPatchBaselineAssociation, which reports no patches"
    GONE = "leaves after it was listed: its patches are refused with InvalidInstanceId, and it is not listed by its id"
    INVALID = "its patches are refused with InvalidInstanceId, yet it stays listed: its agent or a permission lacks"
    DENIED = "listed, but a tag-scoped policy forbids its patches"
    MISMATCHED = "its counts never agree with its rows"
    CONNECTION_LOST = "does not answer the health ping, but has patch data"
    LISTED_TWICE = "comes twice in the listing of nodes"
    STATE_TWICE = "its patch state comes twice in one answer"
    STATE_MISSING = "has patches but no patch state"
    COUNTS_UNKNOWN = "its last operation failed: every count is -1, every time 1970"
    NO_SNAPSHOT = "its patch state has no SnapshotId"
    PATCHED_MIDWAY = "a patching operation replaces its rows while they are first read"
    STOPPED = "its instance is stopped: SSM lists it no more, Inventory and its patches are still there"
    STALE = "online, but its last patching operation ended 40 days ago"
    BASELINE_OVERRIDE = "its association runs daily with a baseline override, so its patch data never moves"


EMPTY_TRAITS = frozenset({Trait.NEVER_SCANNED, Trait.ASSOCIATION_SCANNED})  # Nodes with neither patch state nor rows


class RegionStatus(StrEnum):
    """Whether an account can use a Region."""

    OPEN = "open"
    SCP_DENIED = "denied by a service control policy"
    NOT_ENABLED = "not enabled"


class AccountStatus(StrEnum):
    """As Organizations names it."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    PENDING_CLOSURE = "PENDING_CLOSURE"


class Days(Struct, frozen=True, gc=False):
    """When something happened to a node of a world that has days, in days since 1970.

    `operated` is the day of its last patching operation, `launched` that of its launch.
    """

    launched: int
    operated: int


class Node(Struct, frozen=True, gc=False):
    """One managed node. Its patches are not stored: `seed`, `platform` and `rows` determine them."""

    instance_id: str
    seed: int
    platform: str  # A key of `generate.platforms.PLATFORMS`
    rows: int  # About how many patches it lists
    computer_name: str
    traits: frozenset[Trait] = frozenset()
    tags: tuple[tuple[str, str], ...] = ()
    #: Whether patches of Windows name CVE ids. AWS documents `Patch.CVEIds` for Linux only.
    windows_cve_ids: bool = False
    days: Days | None = None  # None: what it lacks does not change with the days

    @property
    def is_hybrid(self) -> bool:
        return self.instance_id.startswith("mi-")

    @property
    def is_empty(self) -> bool:
        """Returns whether AWS has no patch data on it at all."""
        return bool(self.traits & EMPTY_TRAITS)


class Region(Struct, frozen=True):
    """One Region of one account, with its nodes in the order they are listed."""

    name: str
    nodes: tuple[Node, ...] = ()
    status: RegionStatus = RegionStatus.OPEN
    #: EC2 instances that SSM does not manage; those that it manages follow from `nodes`.
    machines: tuple[Machine, ...] = ()
    departed: tuple[Node, ...] = ()  # Nodes that were terminated: only Inventory still knows of them
    default_host_management: bool = False  # Whether instances without an instance profile become managed


class Account(Struct, frozen=True):
    """One account. Without `has_role` there is no role to assume in it."""

    account_id: str
    name: str
    regions: dict[str, Region]
    status: AccountStatus = AccountStatus.ACTIVE
    has_role: bool = True
    ou_ids: tuple[str, ...] = ()  # The organizational units it is in, outermost first
    #: The account's own patch baselines, in every Region; its nodes use them by operating system.
    baselines: tuple[Baseline, ...] = ()
    #: What no caller may do in the account, as IAM writes it: `ec2:DescribeInstances`.
    denied_actions: frozenset[str] = frozenset()


class World(Struct, frozen=True):
    """All accounts of the organization. `as_of_s` is the world's newest moment, in epoch seconds."""

    seed: int
    as_of_s: int
    #: The account whose credentials the caller holds; the management account where there is an organization.
    hub_account_id: str
    accounts: dict[str, Account]
    has_organization: bool = True
    role_name: str = DEFAULT_ROLE
    external_id: str | None = None
    ou_names: dict[str, str] = {}  # The name of each organizational unit, by its id

    @property
    def home_region(self) -> str:
        """Returns the Region of the caller: the first of its own account."""
        return next(iter(self.accounts[self.hub_account_id].regions))

    @property
    def node_count(self) -> int:
        return sum(len(region.nodes) for account in self.accounts.values() for region in account.regions.values())
