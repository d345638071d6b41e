"""Opening AWS: whose credentials, which Region, and one sentence for each way in which that can fail."""

from __future__ import annotations

import socket

import pytest

from scanner.aws.open import open_aws
from scanner.aws.scope.caller import Caller
from scanner.aws.scope.roles import role_arn
from scanner.aws.sdk.session import Sessions
from scanner.core.errors import ConfigError, CredentialsError, Unavailable
from scanner.core.settings import LimitSettings, ScopeSettings, Settings
from tests.aws.fake_ssm import HUB, QUICK, Answer, identity, xml_error

SETTINGS = Settings(limits=QUICK)


async def caller_of(settings=SETTINGS):
    async with open_aws(settings) as aws:
        return aws.caller


async def test_the_caller_is_who_sts_says(aws):
    assert await caller_of() == Caller(HUB, f"arn:aws:iam::{HUB}:user/scanner", "eu-west-1")


async def test_the_request_for_the_caller_is_counted(aws):
    async with open_aws(SETTINGS) as aws_:
        assert aws_.counts.requests == 1


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-eusc"])
async def test_the_partition_is_that_of_the_caller(aws, partition):
    aws.on("GetCallerIdentity", identity(partition=partition))
    assert (await caller_of()).partition == partition


@pytest.mark.parametrize("name", ["ops/PatchReader", "/ops/PatchReader"])
def test_a_role_arn_has_the_partition_and_the_path(name):
    arn = role_arn("aws-us-gov", "222222222222", name)
    assert arn == "arn:aws-us-gov:iam::222222222222:role/ops/PatchReader"


async def test_the_region_of_the_containers_is_taken_too(aws, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    assert (await caller_of()).region == "ap-south-1"


async def test_the_region_of_the_profile_is_taken(aws, monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[profile audit]\nregion = sa-east-1\n")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_PROFILE", "audit")
    assert (await caller_of()).region == "sa-east-1"


async def test_without_a_region_of_its_own_the_first_of_the_scope_will_do(aws, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    scope = ScopeSettings(regions=("eu-north-1", "eu-west-1"))
    assert (await caller_of(Settings(limits=QUICK, scope=scope))).region == "eu-north-1"


@pytest.mark.parametrize("regions", ["current", "enabled"])
async def test_without_any_region_the_way_out_is_named(aws, monkeypatch, regions):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigError, match="No AWS Region is set; set AWS_REGION"):
        await caller_of(Settings(scope=ScopeSettings(regions=(regions,))))


async def test_without_credentials_the_way_out_is_named(aws, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigError, match="No AWS credentials found; set AWS_PROFILE"):
        await caller_of()
    assert aws.calls == []


@pytest.mark.parametrize(
    ("setting", "value", "quoted"),
    [
        ("AWS_PROFILE", "nobody", r"The config profile \(nobody\) could not be found"),
        ("AWS_SECRET_ACCESS_KEY", "", "Partial credentials found in env"),
    ],
)
async def test_settings_that_the_sdk_refuses_are_quoted(aws, monkeypatch, setting, value, quoted):
    monkeypatch.setenv(setting, value)
    with pytest.raises(ConfigError, match=quoted):
        await caller_of()


@pytest.mark.parametrize(
    ("code", "words", "remedy"),
    [
        ("InvalidClientTokenId", "The security token included in the request is invalid", "check AWS_PROFILE"),
        ("SignatureDoesNotMatch", "Signature expired: 20261125T is now earlier", "check this machine's clock"),
        ("ExpiredToken", "The security token is expired", "renew them, for example with `aws sso login`"),
        ("AccessDenied", "with an explicit deny in a VPC endpoint policy", "in the policy of the VPC endpoint"),
        ("BrandNew", "whatever it may be", "check AWS_PROFILE"),
    ],
)
async def test_credentials_that_sts_refuses_are_explained_in_its_words_with_a_remedy_that_follows(
    aws, code, words, remedy
):
    aws.on("GetCallerIdentity", xml_error(code, words))
    with pytest.raises(CredentialsError, match="AWS does not accept the credentials in use: sts:GetCallerId") as caught:
        await caller_of()
    assert f"{code} ({words})" in str(caught.value)
    assert remedy in str(caught.value)


@pytest.mark.parametrize("region", ["EU-WEST-1", " eu-west-1", "eu-west-1a", "aws-global", "evil.example/#"])
async def test_a_region_of_the_settings_that_is_none_is_a_wrong_setting(monkeypatch, region):
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    with pytest.raises(ConfigError, match=r"is not a Region name \(like eu-west-1\); correct AWS_DEFAULT_REGION"):
        await caller_of()


async def test_an_sts_that_is_off_in_the_region_is_named_with_what_activates_it(aws):
    words = "STS is not activated in this region for account:111111111111"
    aws.on("GetCallerIdentity", xml_error("RegionDisabledException", words))
    with pytest.raises(ConfigError, match="activate STS for the Region") as caught:
        await caller_of()
    assert words in str(caught.value)


@pytest.mark.parametrize("status", [200, 302, 403, 407])
async def test_a_page_in_the_place_of_sts_is_no_answer_of_aws(aws, status):
    aws.on("GetCallerIdentity", Answer(b"<html><body><h1>Welcome to the hotel</h1></body></html>", status))
    with pytest.raises(Unavailable, match=r"AWS_ENDPOINT_URL|HTTPS_PROXY"):
        await caller_of()


async def test_an_sts_that_is_down_is_unavailable(aws):
    aws.on("GetCallerIdentity", xml_error("InternalFailure", status=500))
    with pytest.raises(Unavailable, match=r"sts:GetCallerIdentity .* Region eu-west-1, failed: InternalFailure"):
        await caller_of()


async def test_an_endpoint_that_nobody_serves_is_unavailable(monkeypatch):
    with socket.socket() as unserved:
        unserved.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unserved.getsockname()[1]}")
        with pytest.raises(Unavailable, match="check the network and AWS_ENDPOINT_URL"):
            await caller_of()


async def test_a_scope_that_cannot_be_used_is_refused_before_anything_is_asked(aws):
    with pytest.raises(ConfigError, match=r"scope\.accounts"):
        await caller_of(Settings(scope=ScopeSettings(accounts=("12",))))
    assert aws.calls == []


async def test_clients_leave_repeating_to_us_and_follow_the_time_limits():
    sessions = Sessions(LimitSettings(connect_timeout_s=3.0, read_timeout_s=7.0, max_in_flight=33))
    async with sessions.ssm("eu-west-1") as client:
        config = client.meta.config
    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (3.0, 7.0, 33)


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("AWS_USE_FIPS_ENDPOINT", "https://ssm-fips.us-east-1.amazonaws.com"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "https://ssm.us-east-1.api.aws"),
    ],
)
async def test_fips_and_dual_stack_stay_the_sdks(monkeypatch, setting, url):
    monkeypatch.setenv(setting, "true")
    async with Sessions(QUICK).ssm("us-east-1") as client:
        assert client.meta.endpoint_url == url
