"""The demo beside the AWS settings of whoever runs it."""

from __future__ import annotations

import os

import pytest

from scanner.app.demo import DAY_MS, demo_settings, next_demo_time, scan_clock, serving_demo
from scanner.aws.open import open_aws
from scanner.core.scan_request import request_of
from scanner.core.settings import LimitSettings, ScopeSettings, Settings
from scanner.simulator.demo import demo_world
from scanner.store.manifest import ScanHeader

# What would lead another session astray: a profile that does not exist, a proxy and an endpoint where nothing listens.
MISLEADING = {
    "AWS_PROFILE": "absent",
    "AWS_ACCESS_KEY_ID": "AKIAWRONG",
    "AWS_SECRET_ACCESS_KEY": "wrong",
    "AWS_SESSION_TOKEN": "wrong",
    "AWS_REGION": "xx-nowhere-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_SSM": "http://127.0.0.1:9",
    "AWS_CA_BUNDLE": "/absent/bundle.pem",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_CONFIG_FILE": "/absent/config",
    "HTTP_PROXY": "http://127.0.0.1:9",
}


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["direct", "sdk"])
async def test_the_demo_answers_whatever_the_aws_settings_say_and_leaves_them_as_they_are(transport, monkeypatch):
    for name, value in MISLEADING.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    settings = demo_settings(Settings(transport=transport))

    with serving_demo(True) as access:
        assert dict(os.environ) == before
        async with open_aws(settings, access) as aws:
            assert aws.caller.account_id == demo_world().hub_account_id
            target = (await aws.discover()).targets[0]
            async with aws.fleet.open(target) as reader:
                _listed = [nodes async for nodes in reader.nodes()]
                assert (reader.counts.requests, reader.counts.retries) == (1, 0)


def test_without_a_demo_nothing_is_served():
    with serving_demo(False) as access:
        assert access is None


def test_the_keys_of_an_access_are_not_shown():
    with serving_demo(True) as access:
        assert access.secret_access_key not in repr(access)


def test_what_the_user_chose_is_kept():
    chosen = Settings(scope=ScopeSettings(regions=("eu-west-1",)), limits=LimitSettings(rate_per_s=1.0))

    assert demo_settings(chosen).scope.regions == ("eu-west-1",)
    assert demo_settings(chosen).limits.rate_per_s == 1.0


TODAY = 20_782 * DAY_MS + 5_000_000


class StoreOf:
    """Stands for a store with scans that began at these times; a negative one was no demonstration."""

    url = "store"

    def __init__(self, *times):
        self._times = {f"s{number}": at for number, at in enumerate(times)}

    async def committed(self):
        return [*self._times][1:]

    async def unfinished(self):
        return [*self._times][:1]

    async def header(self, scan_id):
        at = self._times[scan_id]
        return ScanHeader(scan_id, abs(at), "1", request_of(Settings()), at > 0)


@pytest.mark.parametrize(
    ("times", "day", "expected"),
    [
        ((), None, 0),
        ((TODAY,), None, 1),
        ((TODAY + 3 * DAY_MS, TODAY), None, 4),
        ((TODAY - 9 * DAY_MS,), None, 0),
        ((-TODAY,), None, 0),
        ((TODAY,), -21, -21),
    ],
)
async def test_each_scan_of_a_demonstration_is_a_day_later_and_never_in_the_past(times, day, expected):
    started_at = await next_demo_time(StoreOf(*times), day, lambda: TODAY / 1000)

    assert started_at == TODAY + expected * DAY_MS


def test_the_clock_of_a_demonstration_shows_the_simulated_day_and_the_real_time_of_the_day():
    clock = scan_clock(TODAY + 3 * DAY_MS - 60_000, demo=True, now=lambda: TODAY / 1000)

    assert clock() == (TODAY + 3 * DAY_MS) / 1000
