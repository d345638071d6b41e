"""Opens AWS for a worker, which reads targets that are planned and asks for nothing else but their roles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from msgspec import Struct

from scanner.app.demo import serving_demo
from scanner.app.hub_calls import HubCalls
from scanner.app.resume import ActiveScan
from scanner.aws.open import open_aws
from scanner.core.interfaces import Fleet


class WorkerAws(Struct, frozen=True):
    """What opens the targets, and the count of the requests that belong to none of them."""

    fleet: Fleet
    hub: HubCalls


OpenAws = Callable[[ActiveScan], AbstractAsyncContextManager[WorkerAws]]


@asynccontextmanager
async def open_own_aws(scan: ActiveScan) -> AsyncIterator[WorkerAws]:
    """Opens AWS, or the simulated organization of a demonstration, while the block runs; raises as `open_aws`."""
    with serving_demo(scan.demo, scan.clock) as access:
        async with open_aws(scan.settings, access) as aws:
            hub = HubCalls()
            hub.watch(aws.counts)
            yield WorkerAws(aws.fleet, hub)
