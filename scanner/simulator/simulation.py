"""The running simulation: all that lives between two requests."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from scanner.simulator.afflict import afflicted
from scanner.simulator.buckets import Buckets, Limits
from scanner.simulator.clock import Clock
from scanner.simulator.dice import Dice
from scanner.simulator.faults import Faults
from scanner.simulator.midway import Midway
from scanner.simulator.reality import Reality
from scanner.simulator.sessions import Keys, Sessions
from scanner.simulator.stats import Stats
from scanner.simulator.tokens import Tokens
from scanner.simulator.world import World


class Call(Struct, frozen=True):
    """A request with a valid signature: who asks what of which service, where."""

    service: str
    operation: str
    region: str
    keys: Keys
    body: bytes

    @property
    def account_id(self) -> str:
        return self.keys.account_id


Watcher = Callable[[Call], None]
"""Told of each request that has a valid signature, before it is answered."""


class Simulation:
    """The parts of a running simulator, put together once."""

    def __init__(self, world: World, faults: Faults, limits: Limits, clock: Clock) -> None:
        self.faults = faults
        self.limits = limits
        self.clock = clock
        self.reality = Reality(afflicted(world, faults))
        self.sessions = Sessions(world, faults, clock)
        self.buckets = Buckets(limits, clock)
        self.tokens = Tokens(world.seed, faults.token_ttl_s, clock)
        self.dice = Dice(faults)
        self.midway = Midway(faults, self.reality)
        self.stats = Stats()
        self.organizations_busy = False
        self.watchers: list[Watcher] = []

    @property
    def world(self) -> World:
        return self.reality.world
