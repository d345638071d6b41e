"""Generates one node from a random number generator."""

from __future__ import annotations

from random import Random

from scanner.simulator.generate.platforms import PLATFORMS
from scanner.simulator.world.organization import Node, Trait

_ROLES = ("web", "api", "db", "cache", "batch", "build", "mail", "auth", "queue", "search", "files", "proxy")


def make_node(
    rng: Random,
    platform: str,
    *,
    number: int,
    rows: int | None = None,
    hybrid: bool = False,
    traits: frozenset[Trait] = frozenset(),
    tags: tuple[tuple[str, str], ...] = (),
    role: str | None = None,
    windows_cve_ids: bool = False,
) -> Node:
    """Returns a node that lists about `rows` patches; None: as many as its platform usually does.

    With `windows_cve_ids` the patches of Windows name CVE ids, which AWS documents for Linux only.
    """
    prefix, domain = ("mi-", ".corp.example.com") if hybrid else ("i-", ".ec2.internal")
    role = role or rng.choice(_ROLES)
    return Node(
        instance_id=f"{prefix}0{rng.getrandbits(64):016x}",
        seed=rng.getrandbits(62),
        platform=platform,
        rows=PLATFORMS[platform].rows if rows is None else rows,
        computer_name=f"{role}-{number:04}{domain}",
        traits=traits,
        windows_cve_ids=windows_cve_ids,
        tags=tags or (("Environment", rng.choice(("prod", "dev"))), ("PatchGroup", rng.choice(("", "weekly")))),
    )
