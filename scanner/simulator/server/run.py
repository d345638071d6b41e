"""Runs a simulator in a thread of its own, for callers that occupy the event loop themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from anyio.from_thread import start_blocking_portal

from scanner.simulator.running.buckets import NO_LIMITS, Limits
from scanner.simulator.server.server import serve
from scanner.simulator.server.simulator import Simulator
from scanner.simulator.world.faults import NO_FAULTS, Faults
from scanner.simulator.world.organization import World


@contextmanager
def serve_in_thread(
    world: World, *, faults: Faults = NO_FAULTS, limits: Limits = NO_LIMITS, port: int = 0
) -> Iterator[Simulator]:
    """Serves from a thread and event loop of its own until the block ends.

    Raises:
        OSError: the port cannot be opened.
    """
    with start_blocking_portal() as portal:
        serving = serve(world, faults=faults, limits=limits, port=port)
        with portal.wrap_async_context_manager(serving) as simulator:
            yield simulator
