"""`--demo`: the embedded simulated organization in the place of AWS. The simulator and the SDK are imported on use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import structs

from scanner.core.comparable import DEMO_ACCOUNTS, DEMO_REGIONS
from scanner.core.errors import StoreError
from scanner.core.interfaces import Clock
from scanner.core.model import EpochMs
from scanner.core.settings import LimitSettings, ScopeSettings, Settings
from scanner.store.store import Store

if TYPE_CHECKING:
    from scanner.aws.sdk.fixed_access import FixedAccess

DAY_S = 24 * 60 * 60
DAY_MS = DAY_S * 1000
SCANS_LOOKED_AT = 20  # the newest ones, for the day of the last demo scan


def demo_settings(settings: Settings) -> Settings:
    """Returns the settings that the demo organization needs.

    Its role and external id are set. Unless the user chose otherwise, all of its accounts and enabled Regions are in
    scope, and requests start at the rate that it grants, so that the demo takes seconds.
    """
    from scanner.simulator.demo import DEMO_LIMITS, demo_world  # noqa: PLC0415 - a scan of AWS has no use for it

    world = demo_world()
    scope, chosen, limits = settings.scope, ScopeSettings(), settings.limits
    scope = structs.replace(
        scope,
        accounts=DEMO_ACCOUNTS if scope.accounts == chosen.accounts else scope.accounts,
        regions=DEMO_REGIONS if scope.regions == chosen.regions else scope.regions,
        role_name=world.role_name,
        external_id=world.external_id,
    )
    if limits == LimitSettings():
        granted = DEMO_LIMITS.default.rate_per_s
        limits = structs.replace(limits, rate_per_s=granted, max_rate_per_s=2 * granted)
    return structs.replace(settings, scope=scope, limits=limits)


async def next_demo_time(store: Store, chosen_day: int | None, now: Clock = time.time) -> EpochMs:
    """Returns the time at which a new scan of the demo organization begins: a day after the newest one in the store.

    Args:
        store: keeps the earlier scans; those of a demonstration say so.
        chosen_day: days from today, which count instead; may be negative.
        now: the real clock, which gives the time of the day.
    """
    now_ms = int(now() * 1000)
    if chosen_day is not None:
        return now_ms + chosen_day * DAY_MS
    newest = max([await _demo_started_at(store, scan_id) for scan_id in await _newest_scans(store)], default=0)
    days = newest // DAY_MS + 1 - now_ms // DAY_MS
    return now_ms + max(0, days) * DAY_MS


async def _newest_scans(store: Store) -> list[str]:
    return sorted([*await store.committed(), *await store.unfinished()])[-SCANS_LOOKED_AT:]


async def _demo_started_at(store: Store, scan_id: str) -> EpochMs:
    try:
        header = await store.header(scan_id)
    except StoreError:
        return 0  # `scans verify` names what is damaged
    return header.started_at if header.demo else 0


def scan_clock(started_at: EpochMs, *, demo: bool, now: Clock = time.time) -> Clock:
    """Returns the clock of a scan. Of a demonstration it shows the simulated day, and the real time of the day."""
    if not demo:
        return now
    days = started_at // DAY_MS - int(now() * 1000) // DAY_MS
    return lambda: now() + days * DAY_S


@contextmanager
def serving_demo(
    demo: bool,  # noqa: FBT001 - the one thing it is about
    now: Clock = time.time,
) -> Iterator[FixedAccess | None]:
    """Serves the demo organization as it is on the day of the clock while the block runs; yields the access to it.

    Yields None where `demo` is False.
    """
    if not demo:
        yield None
        return
    from scanner.aws.sdk.fixed_access import FixedAccess  # noqa: PLC0415 - half a second of CPU
    from scanner.simulator.demo import DEMO_LIMITS, demo_world  # noqa: PLC0415 - a scan of AWS has no use for it
    from scanner.simulator.server.run import serve_in_thread  # noqa: PLC0415 - as above

    world = demo_world(as_of_s=int(now()) // DAY_S * DAY_S)
    with serve_in_thread(world, limits=DEMO_LIMITS) as simulator:
        variables = simulator.environment()
        yield FixedAccess(
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            access_key_id=variables["AWS_ACCESS_KEY_ID"],
            secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region=variables["AWS_REGION"],
        )
