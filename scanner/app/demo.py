"""`--demo`: the embedded simulated organization in the place of AWS. The simulator is imported only if it is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import structs

from scanner.aws.sdk.fixed_access import FixedAccess
from scanner.core.settings import LimitSettings, ScopeSettings, Settings


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
        accounts=("organization",) if scope.accounts == chosen.accounts else scope.accounts,
        regions=("enabled",) if scope.regions == chosen.regions else scope.regions,
        role_name=world.role_name,
        external_id=world.external_id,
    )
    if limits == LimitSettings():
        granted = DEMO_LIMITS.default.rate_per_s
        limits = structs.replace(limits, rate_per_s=granted, max_rate_per_s=2 * granted)
    return structs.replace(settings, scope=scope, limits=limits)


@contextmanager
def serving_demo(demo: bool) -> Iterator[FixedAccess | None]:  # noqa: FBT001 - the one thing it is about
    """Serves the demo organization while the block runs and yields the access to it; None where `demo` is False."""
    if not demo:
        yield None
        return
    from scanner.simulator.demo import DEMO_LIMITS, demo_world  # noqa: PLC0415 - a scan of AWS has no use for it
    from scanner.simulator.server.run import serve_in_thread  # noqa: PLC0415 - as above

    with serve_in_thread(demo_world(), limits=DEMO_LIMITS) as simulator:
        variables = simulator.environment()
        yield FixedAccess(
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            access_key_id=variables["AWS_ACCESS_KEY_ID"],
            secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region=variables["AWS_REGION"],
        )
