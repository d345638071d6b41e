"""How large and how often a benchmark runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """`rounds` of every client, interleaved; the other fields are for the benchmarks they are named after.

    `kept_stores` is a folder where the store of `views` stays for the next time; empty: it is made and removed.
    """

    rounds: int
    nodes: int
    memory_nodes: tuple[int, int]
    targets: int
    rate_s: float
    virtual_schedules: int
    lean_nodes: int = 60
    view_nodes: int = 100_000
    s3_nodes: int = 20_000
    s3_scans: int = 90
    worker_nodes: tuple[int, int] = (20_000, 200_000)
    dask_targets: int = 20_000
    postgresql_nodes: int = 8_000
    sink_rounds: int = 10
    kept_stores: str = ""


FULL = Size(rounds=5, nodes=6_400, memory_nodes=(2_000, 20_000), targets=1_000, rate_s=90.0, virtual_schedules=40)
TINY = Size(
    rounds=1,
    nodes=4,
    memory_nodes=(4, 8),
    targets=4,
    rate_s=2.0,
    virtual_schedules=1,
    lean_nodes=20,
    view_nodes=400,
    s3_nodes=400,
    s3_scans=4,
    worker_nodes=(400, 800),
    dask_targets=16,
    postgresql_nodes=200,
    sink_rounds=1,
)

READ_REGIONS = ("eu-west-1", "us-east-1", "eu-central-1", "us-west-2")
#: Regions without a node: reading them is a client's start-up and end.
EMPTY_REGIONS = ("eu-west-2", "us-east-2", "eu-west-3", "us-west-1")


def spread_over_regions(nodes: int) -> dict[str, int]:
    """The nodes in equal parts."""
    return dict.fromkeys(READ_REGIONS, nodes // len(READ_REGIONS))
