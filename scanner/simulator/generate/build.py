"""Builds worlds for tests and benchmarks: N accounts, M Regions, K nodes, all from one seed."""

from __future__ import annotations

from random import Random

from scanner.simulator.generate.nodes import make_node
from scanner.simulator.generate.platforms import PLATFORMS
from scanner.simulator.world.organization import Account, Node, Region, World

AS_OF_S = 1_795_132_800  # 2026-11-20T00:00Z: the newest moment of every world that names no other

REGIONS = (
    "eu-west-1",
    "us-east-1",
    "eu-central-1",
    "us-west-2",
    "ap-southeast-2",
    "ap-northeast-1",
    "ca-central-1",
    "sa-east-1",
    "eu-north-1",
    "eu-west-2",
    "eu-west-3",
    "us-east-2",
    "us-west-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
)
_FIRST_ACCOUNT = 111_122_223_000


def make_world(
    *,
    accounts: int = 3,
    regions: int = 3,
    nodes: int = 100,
    rows: int | None = None,
    platforms: tuple[str, ...] = tuple(PLATFORMS),
    seed: int = 0,
    external_id: str | None = None,
    has_organization: bool = True,
    windows_cve_ids: bool = False,
) -> World:
    """Returns a world of `nodes` nodes in all, distributed over the targets in turn.

    Args:
        accounts: how many; the first is the caller's own.
        regions: how many each account has, at most 17.
        nodes: how many in all.
        rows: about how many patches a node lists; None: as many as its platform usually does.
        platforms: keys of `generate.platforms.PLATFORMS` to choose from.
        seed: another seed is another world.
        external_id: what the roles ask for.
        has_organization: False: Organizations is not in use.
        windows_cve_ids: whether patches of Windows name CVE ids, which AWS documents for Linux only.
    """
    rng = Random(f"world:{seed}")
    names = REGIONS[:regions]
    targets = [(account, region) for region in names for account in range(accounts)]
    dealt: dict[tuple[int, str], list[Node]] = {target: [] for target in targets}
    for n in range(nodes):
        target = targets[n % len(targets)]
        platform = rng.choice(platforms)
        dealt[target].append(make_node(rng, platform, number=n, rows=rows, windows_cve_ids=windows_cve_ids))
    made = [_account(n, {name: Region(name, tuple(dealt[n, name])) for name in names}) for n in range(accounts)]
    return World(
        seed=seed,
        as_of_s=AS_OF_S,
        hub_account_id=made[0].account_id,
        accounts={account.account_id: account for account in made},
        has_organization=has_organization,
        external_id=external_id,
    )


def _account(number: int, regions: dict[str, Region]) -> Account:
    return Account(f"{_FIRST_ACCOUNT + number * 1_117:012}", f"account-{number}", regions)
