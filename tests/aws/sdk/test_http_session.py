"""The SDK's HTTP session has the safeguards of botocore's own."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ConnectionClosedError

from scanner.aws.sdk.http_session import MetadataSession, StrictSession
from scanner.aws.sdk.session import Sessions
from scanner.core.errors import CredentialsError
from tests.aws.every_path import RecordingServer, ask_client
from tests.aws.fake_ssm import QUICK, identity
from tests.aws.test_trust import serving
from tests.aws.transport.raw_server import answer
from tests.aws.transport.raw_server import serving as raw_serving


async def test_no_cookie_of_an_answer_is_sent_with_the_next_request(monkeypatch):
    server = RecordingServer(200, {"Set-Cookie": "session=1"}, identity().body)
    async with serving(server) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://localhost:{port}")
        async with Sessions(QUICK).sts("eu-west-1") as sts:
            await sts.get_caller_identity()
            await sts.get_caller_identity()
    assert [request.headers.get("Cookie") for request in server.requests] == [None, None]


async def test_no_entry_of_netrc_is_sent_and_no_encoding_accepted(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine localhost login user password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = RecordingServer(200, {}, identity().body)
    async with serving(server) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://localhost:{port}")
        await ask_client("sts", "get_caller_identity")
    (request,) = server.requests
    assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert request.headers["Accept-Encoding"] == "identity"


async def test_a_put_is_not_repeated_when_a_kept_connection_turns_out_closed(monkeypatch):
    async with raw_serving([answer(b""), b""]) as server:  # the second request meets a close
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
        async with Sessions(QUICK).s3() as s3:
            await s3.put_object(Bucket="bucket", Key="a", Body=b"x")
            with pytest.raises(ConnectionClosedError):
                await s3.put_object(Bucket="bucket", Key="b", Body=b"x")
    assert len(server.requests) == 2
    assert server.connections == 1


async def test_every_client_of_a_session_sends_strictly_those_of_credential_providers_too():
    core = Sessions(QUICK)._core
    for service in ("sts", "sso", "sso-oidc", "s3", "ssm"):
        async with core.create_client(service, region_name="eu-west-1") as client:
            assert isinstance(client._endpoint.http_session, StrictSession)
    providers = {provider.METHOD: provider for provider in core.get_component("credential_provider").providers}
    assert isinstance(providers["container-role"]._fetcher._session, MetadataSession)
    assert isinstance(providers["iam-role"]._role_fetcher._session, MetadataSession)


async def test_credentials_of_a_container_are_not_taken_from_the_place_of_a_redirect(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    keys = {"AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T", "Expiration": "2999-01-01T00:00:00Z"}
    elsewhere = RecordingServer(200, {}, json.dumps(keys).encode())
    async with serving(elsewhere) as other_port:
        server = RecordingServer(302, {"Location": f"http://localhost:{other_port}/"})
        async with serving(server) as port:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://localhost:{port}/keys")
            with pytest.raises(CredentialsError, match="container-role"):
                await Sessions(QUICK).frozen_credentials()
    assert elsewhere.requests == []
