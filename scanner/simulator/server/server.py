"""Serves the simulated organization on one HTTP port of this machine."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
from aiohttp import web

from scanner.simulator.api.answering import answer
from scanner.simulator.api.sigv4 import RawRequest
from scanner.simulator.running.buckets import NO_LIMITS, Limits
from scanner.simulator.running.simulation import Simulation
from scanner.simulator.server.delivery import deliver
from scanner.simulator.server.simulator import Simulator
from scanner.simulator.world.clock import Clock
from scanner.simulator.world.faults import NO_FAULTS, Faults
from scanner.simulator.world.organization import World

HOST = "127.0.0.1"
_SHUTDOWN_S = 0.2  # How long requests under way may take when the serving ends
_CLEANUP_S = 5.0


@asynccontextmanager
async def serve(
    world: World,
    *,
    faults: Faults = NO_FAULTS,
    limits: Limits = NO_LIMITS,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    clock: Clock = time.time,
) -> AsyncIterator[Simulator]:
    """Serves a world until the block ends.

    Args:
        world: what there is.
        faults: what goes wrong.
        limits: the rates that are granted; by default unlimited.
        port: 0 takes a free one.
        tls: serve HTTPS with this context.
        clock: the time by which buckets fill, sessions end and tokens age; signatures go by the real time.

    Raises:
        OSError: the port cannot be opened.
    """
    simulation = Simulation(world, faults, limits, clock)
    server = web.Server(_handler(simulation), access_log=None)
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port, ssl_context=tls, backlog=1024).start()
        _, bound = runner.addresses[0][:2]
        yield Simulator(simulation, f"{'https' if tls else 'http'}://{HOST}:{bound}")
    finally:
        with anyio.move_on_after(_CLEANUP_S, shield=True):
            await _close(server, runner)


async def _close(server: web.Server, runner: web.ServerRunner) -> None:
    transports = [connection.transport for connection in server.connections]
    await runner.cleanup()
    for transport in transports:
        if transport is not None:
            # A TLS connection would wait half a minute for the other side to say good-bye.
            transport.abort()
    await anyio.lowlevel.checkpoint()


def _handler(simulation: Simulation) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    stats = simulation.stats

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        stats.in_flight += 1
        stats.max_in_flight = max(stats.max_in_flight, stats.in_flight)
        try:
            reply = answer(simulation, await _raw(request))
            if simulation.limits.latency_s:
                await asyncio.sleep(simulation.limits.latency_s)
            if reply.occupies_organizations:
                simulation.organizations_busy = False
            return await deliver(reply, request, simulation.faults)
        finally:
            stats.in_flight -= 1

    return handle


async def _raw(request: web.BaseRequest) -> RawRequest:
    path, _, query = request.raw_path.partition("?")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return RawRequest(request.method, path, query, headers, await request.read())
