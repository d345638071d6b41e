"""The organization behind `--demo`: read within a minute, with everything in it that a real one has."""

from __future__ import annotations

import time
from random import Random

from msgspec import Struct, structs

from scanner.simulator.generate.calendar import last_operation
from scanner.simulator.generate.machines import make_machine
from scanner.simulator.generate.nodes import make_node
from scanner.simulator.generate.packages import DAY_S
from scanner.simulator.running.buckets import Limits, Rate
from scanner.simulator.world.machines import ApprovalRule, Baseline, InstanceState, Machine
from scanner.simulator.world.organization import Account, AccountStatus, Days, Node, Region, RegionStatus, Trait, World

DEMO_REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "ap-southeast-2")
DEMO_LIMITS = Limits(default=Rate(rate_per_s=60.0, burst=100.0), latency_s=0.01)
_SEED = 20
_OLDEST_DAY = 20_100  # 2025-01-12, in days since 1970: before it no node was launched
_REPLACED = 0.11
_LEFT_EMPTY = 0.12
#: Rows a node lists: a half to a quarter of the usual, so that a scan takes seconds.
_ROWS = {
    "amazon-linux-2023": 190,
    "amazon-linux-2": 210,
    "rhel-9": 230,
    "ubuntu-22.04": 420,
    "ubuntu-24.04": 390,
    "windows-2022": 560,
    "windows-2019": 610,
}
_LINUX = ("amazon-linux-2023", "amazon-linux-2023", "amazon-linux-2", "rhel-9", "ubuntu-22.04", "ubuntu-24.04")
_WINDOWS = ("windows-2022", "windows-2022", "windows-2019")


class _Plan(Struct, frozen=True):
    """An account of the demo: what runs there, and how many nodes in each Region."""

    name: str
    platforms: tuple[str, ...]
    roles: tuple[str, ...]
    nodes: tuple[int, int, int, int]
    hybrid: int = 0  # How many of the first Region's nodes are machines outside AWS
    environment: str = "prod"
    ou: str = "workloads"
    unmanaged: int = 0  # How many instances of the first Region SSM does not manage
    service_managed: int = 0  # How many instances of the first Region a service of AWS manages
    has_role: bool = True
    status: AccountStatus = AccountStatus.ACTIVE
    regions: dict[str, RegionStatus] = {}  # Regions that are not open


_PLANS = (
    _Plan("meridian-management", ("amazon-linux-2023",), ("bastion",), (3, 0, 0, 0), ou=""),
    _Plan("meridian-log-archive", ("amazon-linux-2023",), ("logs", "search"), (5, 2, 2, 0), ou="security"),
    _Plan(
        "meridian-shared-services",
        (*_LINUX, *_WINDOWS),
        ("build", "dns", "mail", "files", "directory"),
        (26, 12, 9, 5),
        hybrid=8,
        ou="infrastructure",
    ),
    _Plan(
        "meridian-prod-web", _LINUX, ("web", "api", "proxy", "cache"), (40, 34, 38, 22), unmanaged=5, service_managed=6
    ),
    _Plan("meridian-prod-data", ("rhel-9", "amazon-linux-2", "ubuntu-22.04"), ("db", "queue", "etl"), (28, 22, 24, 10)),
    _Plan("meridian-prod-erp", (*_WINDOWS, "rhel-9"), ("erp", "reports", "sql"), (18, 14, 0, 0)),
    _Plan("meridian-staging", (*_LINUX, "windows-2022"), ("web", "api", "db"), (22, 14, 12, 0), environment="staging"),
    _Plan(
        "meridian-dev", (*_LINUX, "windows-2022"), ("dev", "ci", "api"), (30, 12, 20, 8), environment="dev", unmanaged=8
    ),
    _Plan(
        "meridian-analytics",
        ("ubuntu-24.04", "ubuntu-22.04"),
        ("notebook", "spark"),
        (16, 0, 14, 0),
        regions={"ap-southeast-2": RegionStatus.NOT_ENABLED},
    ),
    _Plan(
        "meridian-payments",
        ("rhel-9", "amazon-linux-2023"),
        ("pay", "ledger", "vault"),
        (16, 16, 0, 0),
        regions={"us-east-1": RegionStatus.SCP_DENIED, "ap-southeast-2": RegionStatus.SCP_DENIED},
    ),
    _Plan("meridian-sandbox", _LINUX, ("try",), (9, 0, 4, 0), environment="sandbox", ou="sandbox", has_role=False),
    _Plan("meridian-legacy-crm", _WINDOWS, ("crm",), (6, 0, 0, 0), ou="suspended", status=AccountStatus.SUSPENDED),
)
#: Nodes that do not end as the others do, by account, Region and place in the listing.
_SPECIAL: dict[tuple[str, str, int], Trait] = {
    ("meridian-prod-web", "eu-west-1", 7): Trait.MISMATCHED,
    ("meridian-prod-web", "us-east-1", 11): Trait.GONE,
    ("meridian-prod-data", "eu-central-1", 3): Trait.DENIED,
    ("meridian-staging", "eu-west-1", 5): Trait.NEVER_SCANNED,
    ("meridian-dev", "us-east-1", 2): Trait.NEVER_SCANNED,
    ("meridian-dev", "eu-west-1", 14): Trait.ASSOCIATION_SCANNED,
    ("meridian-prod-erp", "eu-central-1", 4): Trait.COUNTS_UNKNOWN,
    ("meridian-shared-services", "eu-west-1", 1): Trait.CONNECTION_LOST,
    ("meridian-shared-services", "eu-west-1", 3): Trait.CONNECTION_LOST,
    ("meridian-dev", "ap-southeast-2", 0): Trait.CONNECTION_LOST,
    ("meridian-dev", "eu-west-1", 20): Trait.STOPPED,
    ("meridian-dev", "eu-west-1", 21): Trait.STOPPED,
    ("meridian-dev", "us-east-1", 9): Trait.STOPPED,
    ("meridian-staging", "us-east-1", 4): Trait.STOPPED,
    ("meridian-prod-data", "eu-west-1", 9): Trait.STALE,
    ("meridian-staging", "eu-central-1", 6): Trait.STALE,
    ("meridian-prod-web", "ap-southeast-2", 3): Trait.BASELINE_OVERRIDE,
}


def demo_world(*, as_of_s: int | None = None) -> World:
    """Returns a company of twelve accounts as it is on a day.

    Fixes are released and installed from day to day, and machines come and go; the same day gives the same world.
    `as_of_s` is its newest moment, a midnight in epoch seconds (None: the last one).
    """
    rng = Random(_SEED)
    now_s = int(time.time()) // DAY_S * DAY_S if as_of_s is None else as_of_s
    accounts = {}
    for plan in _PLANS:
        account_id = f"{rng.randrange(10**11, 10**12)}"
        accounts[account_id] = _account(plan, account_id, rng, now_s)
    names = {_ou_id(plan.ou): plan.ou for plan in _PLANS if plan.ou}
    return World(seed=_SEED, as_of_s=now_s, hub_account_id=next(iter(accounts)), accounts=accounts, ou_names=names)


def _account(plan: _Plan, account_id: str, rng: Random, as_of_s: int) -> Account:
    regions = {
        name: Region(name, _nodes(plan, name, count, rng, as_of_s // DAY_S), plan.regions.get(name, RegionStatus.OPEN))
        for name, count in zip(DEMO_REGIONS, plan.nodes, strict=True)
    }
    home = DEMO_REGIONS[0]
    regions[home] = structs.replace(
        regions[home], machines=_machines(plan, account_id, as_of_s), departed=_departed(plan, account_id)
    )
    return Account(
        account_id,
        plan.name,
        regions,
        plan.status,
        plan.has_role,
        ou_ids=(_ou_id(plan.ou),) if plan.ou else (),
        baselines=_baselines(account_id) if plan.environment == "prod" and plan.ou == "workloads" else (),
    )


def _ou_id(name: str) -> str:
    return f"ou-a1b2-{Random(f'ou:{name}').getrandbits(40):08x}"[:16]


def _machines(plan: _Plan, account_id: str, as_of_s: int) -> tuple[Machine, ...]:
    """Returns instances that SSM does not manage: without a profile, just launched, stopped, or a service's own."""
    rng = Random(f"machines:{account_id}")
    launched_by_s = (_OLDEST_DAY + 300) * DAY_S
    tags = (("Environment", plan.environment),)
    unmanaged = [
        make_machine(
            rng,
            as_of_s if n == 0 else launched_by_s,
            name=f"{plan.roles[0]}-untracked-{n}",
            state=InstanceState.STOPPED if n == 1 else InstanceState.RUNNING,
            age_s=300 if n == 0 else None,
            has_instance_profile=n % 3 != 0,
            tags=tags,
        )
        for n in range(plan.unmanaged)
    ]
    operated = [
        make_machine(rng, launched_by_s, name=f"eks-{n}", operator="eks.amazonaws.com", is_hidden=n % 2 == 0, tags=tags)
        for n in range(plan.service_managed)
    ]
    return (*unmanaged, *operated)


def _departed(plan: _Plan, account_id: str) -> tuple[Node, ...]:
    rng = Random(f"departed:{account_id}")
    return tuple(make_node(rng, plan.platforms[0], number=900 + n, rows=0) for n in range(plan.unmanaged // 2))


def _baselines(account_id: str) -> tuple[Baseline, ...]:
    """Returns one baseline of the same name in each account, whose approval delay differs between accounts."""
    rng = Random(f"baselines:{account_id}")
    rule = ApprovalRule(
        classifications=("Security",), severities=("Critical", "Important"), approve_after_days=rng.choice((0, 3, 14))
    )
    return (Baseline(f"pb-0{rng.getrandbits(64):016x}", "meridian-linux-prod", "AMAZON_LINUX_2023", rules=(rule,)),)


def _nodes(plan: _Plan, region: str, count: int, rng: Random, day: int) -> tuple[Node, ...]:
    nodes = []
    for n in range(count):
        platform = rng.choice(plan.platforms)
        special = _SPECIAL.get((plan.name, region, n))
        node = make_node(
            rng,
            platform,
            number=n + 1,
            rows=_ROWS[platform],
            hybrid=region == DEMO_REGIONS[0] and n < plan.hybrid,
            traits=frozenset({special} if special else ()),
            tags=(("Environment", plan.environment), ("PatchGroup", f"{plan.environment}-weekly")),
            role=rng.choice(plan.roles),
        )
        today = _on_day(node, day, may_be_replaced=special is None and n >= plan.hybrid)
        if today is not None:
            nodes.append(today)
    return tuple(nodes)


def _on_day(node: Node, day: int, *, may_be_replaced: bool) -> Node | None:
    """Returns the node that has this place in the listing on a day; None: none has.

    One place of nine belongs to a group that replaces its instances every few days, and now and then needs fewer.
    """
    rng = Random(f"place:{node.seed}")
    launched = _OLDEST_DAY + rng.randrange(300)
    if may_be_replaced and rng.random() < _REPLACED:
        every = rng.randrange(5, 16)
        phase = rng.randrange(every)
        number = (day + phase) // every
        launched = number * every - phase
        own = Random(f"place:{node.seed}:{number}")
        if own.random() < _LEFT_EMPTY:
            return None
        node = structs.replace(node, instance_id=f"i-0{own.getrandbits(64):016x}", seed=own.getrandbits(62))
    return structs.replace(node, days=Days(launched, last_operation(node.seed, day, launched)))
