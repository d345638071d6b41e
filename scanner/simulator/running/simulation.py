"""The running simulation: its state between two requests."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from scanner.simulator.running.buckets import Buckets, Limits
from scanner.simulator.running.fault_picker import FaultPicker
from scanner.simulator.running.scheduled_changes import ScheduledChanges
from scanner.simulator.running.sessions import Keys, Sessions
from scanner.simulator.running.state import WorldState
from scanner.simulator.running.stats import Stats
from scanner.simulator.running.tokens import Tokens
from scanner.simulator.world.apply_faults import apply_faults
from scanner.simulator.world.clock import Clock
from scanner.simulator.world.faults import Faults
from scanner.simulator.world.organization import World


class Call(Struct, frozen=True):
    """A request with a valid signature: caller, service, operation and Region."""

    service: str
    operation: str
    region: str
    keys: Keys
    body: bytes

    @property
    def account_id(self) -> str:
        return self.keys.account_id


Watcher = Callable[[Call], None]  # called with each request that has a valid signature, before it is answered


class Simulation:
    """Holds the parts of a running simulator."""

    def __init__(self, world: World, faults: Faults, limits: Limits, clock: Clock) -> None:
        self.faults = faults
        self.limits = limits
        self.clock = clock
        self.world_state = WorldState(apply_faults(world, faults))
        self.sessions = Sessions(world, faults, clock)
        self.buckets = Buckets(limits, clock)
        self.tokens = Tokens(world.seed, faults.token_ttl_s, clock)
        self.fault_picker = FaultPicker(faults)
        self.scheduled_changes = ScheduledChanges(faults, self.world_state)
        self.stats = Stats()
        self.organizations_busy = False
        self.watchers: list[Watcher] = []

    @property
    def world(self) -> World:
        return self.world_state.world
