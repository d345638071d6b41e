"""Who is trusted with a signed request: the host that it names, under a certificate for that name, and nobody else."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from botocore.httpsession import create_urllib3_context

from scanner.aws.transport.interface import ConnectionFailure, NoResponse, ServiceError
from scanner.aws.transport.tls import tls_context
from scanner.core.errors import ConfigError, CredentialsError, PatchsweepError, StoreError
from tests.aws.every_path import PATHS, SERVICES, RecordingServer, prepare
from tests.certificates import Authority

pytestmark = pytest.mark.slow

every_path = pytest.mark.parametrize("path", PATHS)


@asynccontextmanager
async def serving(server, tls=None):
    """Yields the port of a server on 127.0.0.1."""
    runner = web.ServerRunner(web.Server(server.answer))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def error_of(path):
    """Asks over a path and returns the error that it ends in."""
    with pytest.raises((NoResponse, ServiceError, PatchsweepError)) as caught:
        await PATHS[path]()
    return caught.value


@every_path
async def test_a_trusted_certificate_of_another_name_is_refused_and_nothing_is_sent(
    path, authority, monkeypatch, tmp_path
):
    prepare(path, monkeypatch, tmp_path)
    server = RecordingServer()
    async with serving(server, authority.server_context("other.example")) as port:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{port}")
        error = await error_of(path)

    assert "certificate" in str(error)
    if isinstance(error, NoResponse):
        assert error.kind is ConnectionFailure.UNTRUSTED
    else:
        assert isinstance(error, (CredentialsError, StoreError))
        assert "AWS_CA_BUNDLE" in str(error)
    assert server.requests == []


@every_path
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("named_by", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "profile"])
async def test_a_certificate_for_the_name_or_address_is_trusted_whichever_setting_names_its_authority(
    path, host, named_by, authority, monkeypatch, tmp_path
):
    prepare(path, monkeypatch, tmp_path)
    if named_by == "profile":
        monkeypatch.setenv("AWS_PROFILE", "scan")
        config = tmp_path / "config"
        written = config.read_text() if config.exists() else "[profile scan]\n"
        config.write_text(written.replace("[profile scan]\n", f"[profile scan]\nca_bundle={authority.bundle}\n"))
    else:
        monkeypatch.setenv(named_by, str(authority.bundle))
    server = RecordingServer()
    async with serving(server, authority.server_context(host)) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://{host}:{port}")
        error = await error_of(path)

    assert "certificate" not in str(error)
    assert server.requests != []


@every_path
@pytest.mark.parametrize("named_by", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_bundle_that_cannot_be_used_is_a_wrong_setting_and_named_at_once(
    path, named_by, content, monkeypatch, tmp_path
):
    prepare(path, monkeypatch, tmp_path)
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv(named_by, str(bundle))

    error = await error_of(path)

    assert isinstance(error, ConfigError)
    assert str(error).startswith(f"{named_by} names '{bundle}'")


@every_path
@pytest.mark.parametrize("named_by", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
async def test_an_empty_ca_variable_does_not_turn_verification_off(path, named_by, authority, monkeypatch, tmp_path):
    prepare(path, monkeypatch, tmp_path)
    monkeypatch.setenv(named_by, "")
    server = RecordingServer()
    async with serving(server, authority.server_context("127.0.0.1")) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{port}")
        error = await error_of(path)

    assert "certificate" in str(error)
    assert server.requests == []


@every_path
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_no_answer_of_aws_and_nothing_is_sent_to_its_place(path, status, monkeypatch, tmp_path):
    prepare(path, monkeypatch, tmp_path)
    elsewhere = RecordingServer(200)
    async with serving(elsewhere) as other_port:
        location = f"http://localhost:{other_port}/stolen?token=secret"
        server = RecordingServer(status, {"Location": location}, b"<html>moved</html>")
        async with serving(server) as port:
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
            error = await error_of(path)

    assert elsewhere.requests == []
    assert server.requests != []
    assert str(status) in str(error)
    assert "localhost" in str(error)
    assert "secret" not in str(error)
    if isinstance(error, NoResponse):
        assert error.kind is ConnectionFailure.NOT_AWS


@pytest.mark.parametrize("path", SERVICES)
async def test_a_line_end_in_a_key_is_a_wrong_setting_and_sends_no_header_of_its_own(path, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token\r\nX-Injected: yes")
    server = RecordingServer()
    async with serving(server) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        error = await error_of(path)

    assert isinstance(error, ConfigError)
    assert "line end" in str(error)
    assert server.requests == []


def test_the_tls_settings_are_botocores_with_the_name_check():
    ours, theirs = tls_context(True), create_urllib3_context()
    assert ours.check_hostname
    assert ours.verify_mode is theirs.verify_mode is ssl.CERT_REQUIRED
    assert ours.minimum_version == theirs.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert ours.options == theirs.options
    assert [cipher["name"] for cipher in ours.get_ciphers()] == [cipher["name"] for cipher in theirs.get_ciphers()]


def test_every_client_shares_the_settings_of_one_file_of_certificates():
    assert tls_context(True) is tls_context(True)


def test_a_file_of_certificates_that_was_changed_is_read_again(tmp_path):
    bundle = Authority(tmp_path).bundle
    before = tls_context(str(bundle))
    bundle.write_bytes(bundle.read_bytes() * 2)

    assert tls_context(str(bundle)) is not before
