"""Every way in which a request leaves for AWS: one function each, for tests of what must hold on all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider
from msgspec import structs

from scanner.aws.choose_transport import open_transports
from scanner.aws.operations import DESCRIBE_INSTANCE_PATCHES
from scanner.aws.sdk.errors import sdk_errors
from scanner.aws.sdk.region_clients import region_clients
from scanner.aws.sdk.session import Sessions
from scanner.files.s3 import open_files
from tests.aws.fake_ssm import QUICK

#: S3's requests are repeated where they are made; each throttle would otherwise be waited out for 300 s.
ONCE = structs.replace(QUICK, max_attempts=1, throttle_patience_s=0.01)

REGION = "eu-west-1"
ROLE = f"arn:aws:iam::{'2' * 12}:role/reader"
SSO_SESSION = f"[sso-session portal]\nsso_region={REGION}\nsso_start_url=https://portal.example/start\n"


@dataclass
class RecordingServer:
    """Answers every request with the same answer and keeps what it was sent."""

    status: int = 400
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    requests: list[web.BaseRequest] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        self.requests.append(request)
        return web.Response(status=self.status, headers=self.headers, body=self.body)


async def ask_ssm(transport: str) -> None:
    sessions = Sessions(QUICK)
    async with (
        region_clients(sessions.ssm) as clients,
        open_transports(sessions, clients, QUICK, transport) as transports,
    ):
        await (await transports.for_region(REGION, None)).send(DESCRIBE_INSTANCE_PATCHES, {"InstanceId": "i-1"})


async def ask_client(service: str, method: str) -> None:
    with sdk_errors():
        async with getattr(Sessions(QUICK), service)(REGION) as client:
            await getattr(client, method)()


async def ask_s3() -> None:
    async with open_files("s3://bucket/prefix", ONCE) as files:
        await files.names()


async def ask_credentials() -> None:
    await Sessions(QUICK).frozen_credentials()


SERVICES: dict[str, Callable[[], Awaitable[None]]] = {
    "ssm, direct": lambda: ask_ssm("direct"),
    "ssm, sdk": lambda: ask_ssm("sdk"),
    "sts": lambda: ask_client("sts", "get_caller_identity"),
    "organizations": lambda: ask_client("organizations", "list_accounts"),
    "ec2": lambda: ask_client("ec2", "describe_regions"),
    "account": lambda: ask_client("account", "list_regions"),
    "s3": ask_s3,
}
CREDENTIAL_PROVIDERS = ("role of a profile", "web identity", "sso portal", "sso token")
PATHS = SERVICES | dict.fromkeys(CREDENTIAL_PROVIDERS, ask_credentials)


def prepare(path: str, monkeypatch, folder) -> None:
    """Writes the AWS settings that lead to a path; those of the services are in the environment already."""
    profile = {
        "role of a profile": f"role_arn={ROLE}\nsource_profile=source\n",
        "web identity": f"role_arn={ROLE}\nweb_identity_token_file={folder / 'token'}\n",
        "sso portal": f"sso_session=portal\nsso_account_id={'2' * 12}\nsso_role_name=reader\n",
        "sso token": f"sso_session=portal\nsso_account_id={'2' * 12}\nsso_role_name=reader\n",
    }.get(path)
    if profile is None:
        return
    (folder / "token").write_text("the-web-identity-token")
    (folder / "config").write_text(f"[profile scan]\n{profile}\n{SSO_SESSION}")
    (folder / "credentials").write_text("[source]\naws_access_key_id=AKIASOURCE\naws_secret_access_key=secret\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_PROFILE", "scan")
    for provider in (SSOProvider, SSOTokenProvider):
        monkeypatch.setattr(provider, "_SSO_TOKEN_CACHE_DIR", str(folder / "sso"))
    _write_sso_token(folder / "sso", "2001" if path == "sso token" else "2999")


def _write_sso_token(folder, expires_in_year: str) -> None:
    token = {
        "accessToken": "the-sso-token",
        "expiresAt": f"{expires_in_year}-01-01T00:00:00Z",
        "clientId": "client",
        "clientSecret": "secret",
        "refreshToken": "refresh",
        "registrationExpiresAt": "2999-01-01T00:00:00Z",
    }
    folder.mkdir()
    (folder / f"{hashlib.sha1(b'portal').hexdigest()}.json").write_text(json.dumps(token))
