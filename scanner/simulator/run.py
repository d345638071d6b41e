"""Ways to run a simulator: until cancelled, from options, or in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio
from anyio.from_thread import start_blocking_portal
from msgspec import Struct

from scanner.simulator.buckets import NO_LIMITS, Limits, Rate
from scanner.simulator.build import make_world
from scanner.simulator.demo import DEMO_LIMITS, demo_world
from scanner.simulator.faults import NO_FAULTS, Faults
from scanner.simulator.server import serve
from scanner.simulator.simulator import Simulator
from scanner.simulator.world import World


class WorldOptions(Struct, frozen=True):
    """A made-up world; see `build.make_world`."""

    accounts: int = 3
    regions: int = 3
    nodes: int = 100
    rows: int | None = None
    seed: int = 0
    external_id: str | None = None

    def make(self) -> World:
        return make_world(
            accounts=self.accounts,
            regions=self.regions,
            nodes=self.nodes,
            rows=self.rows,
            seed=self.seed,
            external_id=self.external_id,
        )


class SimulateOptions(Struct, frozen=True):
    """What to serve, and how."""

    world: WorldOptions | None = None
    """None: the demonstration."""
    port: int = 0
    """0 takes a free one."""
    rate: Rate = DEMO_LIMITS.default
    latency_s: float = 0.0
    faults: Faults = NO_FAULTS


async def simulate(options: SimulateOptions, ready: Callable[[Simulator], None]) -> None:
    """Serve until cancelled; `ready` is called once, when requests can come.

    Raises:
        OSError: the port cannot be opened.
    """
    world = demo_world() if options.world is None else options.world.make()
    limits = Limits(default=options.rate, latency_s=options.latency_s)
    async with serve(world, faults=options.faults, limits=limits, port=options.port) as simulator:
        ready(simulator)
        await anyio.sleep_forever()


@contextmanager
def serve_in_thread(
    world: World, *, faults: Faults = NO_FAULTS, limits: Limits = NO_LIMITS, port: int = 0
) -> Iterator[Simulator]:
    """Serve from a thread and event loop of its own until the block ends; for callers that hold the loop themselves.

    Raises:
        OSError: the port cannot be opened.
    """
    with start_blocking_portal() as portal:
        serving = serve(world, faults=faults, limits=limits, port=port)
        with portal.wrap_async_context_manager(serving) as simulator:
            yield simulator
