"""`--demo`: the embedded simulated organization in the place of AWS. The simulator loads with it, and only then."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import structs

from scanner.core.settings import LimitSettings, ScopeSettings, Settings


def demo_settings(settings: Settings) -> Settings:
    """The settings as the demo organization needs them.

    Its role and external id are set; unless the user chose otherwise, all of its accounts and enabled Regions are in
    scope and requests start at the rate that it grants, so that nobody waits.
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
def demo_organization() -> Iterator[None]:
    """Serve the demo organization, with the AWS settings of this process pointing at nothing else meanwhile."""
    from scanner.simulator.demo import DEMO_LIMITS, demo_world  # noqa: PLC0415 - a scan of AWS has no use for it
    from scanner.simulator.server.run import serve_in_thread  # noqa: PLC0415 - as above

    with serve_in_thread(demo_world(), limits=DEMO_LIMITS) as simulator:
        before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        _replace_aws_settings(simulator.environment())
        try:
            yield
        finally:
            _replace_aws_settings(before)


def _replace_aws_settings(settings: dict[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(settings)
    # The user's files may name a profile, a proxy's certificate or an endpoint.
    if "AWS_CONFIG_FILE" not in settings and "AWS_ENDPOINT_URL" in settings:
        os.environ.update({"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull})
