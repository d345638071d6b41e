"""The demo beside the AWS settings of whoever runs it."""

from __future__ import annotations

import os

import pytest

from scanner.app.demo import demo_settings, serving_demo
from scanner.aws.open import open_aws
from scanner.core.settings import LimitSettings, ScopeSettings, Settings
from scanner.simulator.demo import demo_world

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
