"""Whatever a credential provider or a setting of the SDK raises ends in one sentence that says where to look."""

from __future__ import annotations

import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws.credentials.providers import provider_error
from scanner.aws.open import open_aws
from scanner.aws.sdk.environment import warn_of_two_regions
from scanner.aws.sdk.proxies import check_proxies
from scanner.core.errors import ConfigError, CredentialsError, PatchsweepError, Unavailable
from scanner.core.settings import Settings
from tests.aws.fake_ssm import QUICK, xml_error

SETTINGS = Settings(limits=QUICK)


@pytest.fixture
def no_keys(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


async def opened():
    async with open_aws(SETTINGS) as aws:
        return aws.caller


def process(code):
    return f'credential_process = {sys.executable} -c "{code}"'


KEYS = "aws_access_key_id = A\naws_secret_access_key = B\n"
PROFILES = {
    "no JSON": (process("print('hello')"), "custom-process"),
    "nothing": (process("pass"), "custom-process"),
    "a list": (process("print('[]')"), "custom-process"),
    "no version": (process("print('{}')"), "custom-process"),
    "no keys": (process("print('{\\\"Version\\\": 1}')"), "custom-process"),
    "no program": ("credential_process = /nowhere/at-all", "custom-process"),
    "an unclosed quote": ('credential_process = echo "', "custom-process"),
    "a failing program": (process("import sys; sys.exit('no luck')"), "custom-process"),
    "bytes that are no text": (process("import sys; sys.stdout.buffer.write(bytes([255, 254]))"), "custom-process"),
    "a wrong expiry": (
        process(
            'print(\'{\\"Version\\": 1, \\"AccessKeyId\\": \\"A\\", \\"SecretAccessKey\\": \\"B\\", '
            '\\"SessionToken\\": \\"C\\", \\"Expiration\\": \\"soon\\"}\')'
        ),
        "custom-process",
    ),
    "no source profile": ("role_arn = arn:aws:iam::1:role/r\nsource_profile = nobody", "assume-role"),
    "a loop": ("role_arn = arn:aws:iam::1:role/r\nsource_profile = p\nrole_session_name = x", "assume-role"),
    "MFA without a terminal": (
        "role_arn = arn:aws:iam::1:role/r\nsource_profile = keys\nmfa_serial = arn:aws:iam::1:mfa/me",
        "assume-role",
    ),
    "no token file": (
        "role_arn = arn:aws:iam::1:role/r\nweb_identity_token_file = /nowhere/token",
        "assume-role-with-web-identity",
    ),
    "no SSO session": ("sso_session = none\nsso_account_id = 1\nsso_role_name = r", "sso"),
    "SSO that is not logged in": (
        "sso_start_url = https://x.example\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = r",
        "sso",
    ),
    "half a pair of keys": ("aws_access_key_id = A", "config-file"),
}


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize("name", PROFILES)
async def test_a_provider_that_fails_is_named_with_its_profile(name, aws, monkeypatch, tmp_path):
    lines, provider = PROFILES[name]
    (tmp_path / "config").write_text(f"[profile p]\n{lines}\n[profile keys]\n{KEYS}")
    monkeypatch.setenv("AWS_PROFILE", "p")
    monkeypatch.setattr("getpass.getpass", lambda *_: (_ for _ in ()).throw(EOFError()))
    with pytest.raises(ConfigError) as caught:
        await opened()
    assert "\n" not in str(caught.value)
    if isinstance(caught.value, CredentialsError):
        assert f"The AWS credentials of profile 'p' cannot be loaded by the provider {provider}: " in str(caught.value)
    assert aws.of("GetCallerIdentity") == []


@pytest.mark.usefixtures("no_keys")
async def test_a_profiles_role_that_is_refused_is_told_in_awss_words(aws, monkeypatch, tmp_path):
    words = "User: a is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/r"
    (tmp_path / "config").write_text(
        f"[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = keys\n[profile keys]\n{KEYS}"
    )
    monkeypatch.setenv("AWS_PROFILE", "p")
    aws.on("AssumeRole", xml_error("AccessDenied", words))
    with pytest.raises(CredentialsError, match="profile 'p' cannot be loaded by the provider assume-role") as caught:
        await opened()
    assert words in str(caught.value)


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize("uri", ["no-uri", "http://169.254.170.2:abc/", "http://example.com/x", "http://[::1"])
async def test_a_container_uri_that_cannot_work_is_told_in_a_sentence(aws, monkeypatch, uri):
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
    with pytest.raises(CredentialsError, match="provider container-role"):
        await opened()


@pytest.mark.parametrize(
    "text",
    ["[profile p\nregion = x\n", "region = eu-west-1\n", "[default]\nnested =\n  not a pair\n", "\0\1\2"],
    ids=["an unclosed section", "no section", "a broken nest", "binary"],
)
async def test_a_malformed_config_file_is_told_in_a_sentence(aws, tmp_path, text):
    (tmp_path / "config").write_text(text)
    with pytest.raises(PatchsweepError, match="The AWS settings in force cannot work") as caught:
        await opened()
    assert "\n" not in str(caught.value).strip()


@pytest.mark.parametrize("url", ["localhost:4566", "127.0.0.1", "http://", "ht tp://x"])
async def test_an_endpoint_that_is_no_url_is_told_in_a_sentence(monkeypatch, url):
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(PatchsweepError, match="AWS_ENDPOINT_URL"):
        await opened()


PASSWORD = "p4ssw0rd-of-the-proxy"


@pytest.mark.parametrize("setting", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "services"])
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:abc",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://127.0.0.1:80 ",
        "ftp://127.0.0.1:80",
        f"http://user:{PASSWORD}@127.0.0.1:80",
        f"http://user:a/{PASSWORD}@127.0.0.1:80",
        f"http://user:1/{PASSWORD}@127.0.0.1:80",
    ],
)
async def test_an_endpoint_that_no_request_can_be_sent_to_is_a_wrong_setting(monkeypatch, tmp_path, setting, url):
    if setting == "services":
        if url.endswith(" "):
            url = url.replace("127.0.0.1", "127.0. 0.1")  # blanks at the end of a line are no part of its value
        monkeypatch.setenv("AWS_PROFILE", "scan")
        (tmp_path / "config").write_text(
            f"[profile scan]\nservices = own\n[services own]\nsts =\n  endpoint_url = {url}\n"
        )
    else:
        monkeypatch.setenv(setting, url)
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL") as caught:
        await opened()
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("error", [OSError(), ValueError(), KeyError("x"), EOFError(), RuntimeError("r"), TypeError()])
def test_an_exception_without_text_is_named_by_its_type(error):
    sentence = str(provider_error(error, "sso", "audit"))
    assert type(error).__name__ in sentence
    assert sentence.endswith("; run `aws sso login`")


@pytest.mark.parametrize(
    ("variable", "called"),
    [
        ("AWS_ACCESS_KEY_ID", "access key id"),
        ("AWS_SECRET_ACCESS_KEY", "secret access key"),
        ("AWS_SESSION_TOKEN", "session token"),
    ],
)
@pytest.mark.parametrize("other", ["\n", "\r", " ", "\t", "\u00a0", "\x7f", "\u201d", "\u200b", "\udcff"])
async def test_a_blank_or_line_end_in_a_key_is_named_and_not_tried(aws, monkeypatch, variable, called, other):
    monkeypatch.setenv(variable, f"SECRET{other}")
    with pytest.raises(CredentialsError, match=f"The {called} of profile 'default', from the provider env, holds"):
        await opened()
    assert aws.calls == []


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
async def test_an_empty_variable_does_not_hide_the_region_of_the_profile(aws, monkeypatch, tmp_path, variable):
    (tmp_path / "config").write_text("[default]\nregion = sa-east-1\n")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv(variable, "")
    assert (await opened()).region == "sa-east-1"


@pytest.mark.parametrize(("other", "is_told"), [("eu-west-1", False), ("ap-south-1", True)])
async def test_two_region_variables_that_differ_are_told_with_the_one_that_is_used(
    aws, monkeypatch, caplog, other, is_told
):
    warn_of_two_regions.cache_clear()
    monkeypatch.setenv("AWS_REGION", other)
    with caplog.at_level(logging.WARNING):
        assert (await opened()).region == "eu-west-1"
        await opened()
    told = [record.getMessage() for record in caplog.records if "AWS_REGION" in record.getMessage()]
    assert len(told) == is_told
    assert all("AWS_DEFAULT_REGION (eu-west-1) is used and AWS_REGION (ap-south-1) is not" in line for line in told)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY"])
@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{PASSWORD}@127.0.0.1:abc",
        f"http://user:{PASSWORD}@127.0.0.1:99999",
        f"http://user:a/{PASSWORD}@127.0.0.1:80",
        f"http://user:1/{PASSWORD}@127.0.0.1:80",
        f"http://user:a#{PASSWORD}@127.0.0.1:80",
        f"http://user:a?{PASSWORD}@127.0.0.1:80",
        f"user:{PASSWORD}/@127.0.0.1:80",
        f"http://user:{PASSWORD}@",
        f"socks5://user:{PASSWORD}@127.0.0.1:1080",
        f"socks5h://user:{PASSWORD}@127.0.0.1:1080",
        f"http://user:{PASSWORD}@127.0.0.1:80\r",
        f"http://user:{PASSWORD} @127.0.0.1:80",
    ],
)
async def test_a_proxy_that_cannot_be_used_is_named_by_its_variable_without_its_password(monkeypatch, name, url):
    monkeypatch.setenv(name, url)
    with pytest.raises(ConfigError, match=f"^{name} cannot be used") as caught:
        await opened()
    assert PASSWORD not in str(caught.value)


@given(st.text(st.sampled_from("aB1/@#:?%[]."), max_size=12))
def test_no_proxy_url_shows_more_than_its_variable(password):
    secret = f"s3cret{password}s3cret"
    shown = ""
    try:
        check_proxies({"HTTPS_PROXY": f"http://user:{secret}@proxy.example:80"})
    except ConfigError as error:
        shown = str(error)
    assert "s3cret" not in shown


async def test_a_proxy_whose_name_does_not_resolve_is_no_region_without_sts(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PASSWORD}@no-such-proxy.invalid:3128")
    with pytest.raises(Unavailable, match="the name of the proxy does not resolve; check HTTPS_PROXY") as caught:
        await opened()
    assert PASSWORD not in str(caught.value)
