"""A scripted AWS over the wire: each operation answers what the test says, and every request is kept."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import msgspec
from aiohttp import web
from msgspec import Struct

from scanner.core.settings import LimitSettings

QUICK = LimitSettings(rate_per_s=1000.0, max_rate_per_s=1000.0, burst=1000.0, max_attempts=3)
HUB = "111111111111"
MEMBER = "222222222222"
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")


class Call(Struct, frozen=True):
    """One request as it came in; `members` are the JSON or form members."""

    operation: str
    access_key: str
    region: str
    members: dict[str, object]
    user_agent: str
    sdk_attempt: str


class Answer(Struct, frozen=True):
    body: bytes
    status: int = 200
    reset: bool = False  # The connection is closed in place of an answer
    broken_off: bool = False  # The connection is closed after the body, which was to be longer


Script = Answer | Callable[[Call], Answer]


def ok(**members: object) -> Answer:
    return Answer(msgspec.json.encode(members))


def error(code: str, message: str = "", status: int = 400) -> Answer:
    return Answer(msgspec.json.encode({"__type": code, "message": message}), status)


def xml_error(code: str, message: str = "", status: int = 403) -> Answer:
    body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(f"{body}<RequestId>r</RequestId></ErrorResponse>".encode(), status)


def ec2_error(code: str, message: str = "", status: int = 403) -> Answer:
    body = f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
    return Answer(f"{body}<RequestID>r</RequestID></Response>".encode(), status)


def identity(account_id: str = HUB, partition: str = "aws") -> Answer:
    return Answer(
        "<GetCallerIdentityResponse><GetCallerIdentityResult>"
        f"<Arn>arn:{partition}:iam::{account_id}:user/scanner</Arn><UserId>U</UserId><Account>{account_id}</Account>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>".encode()
    )


def role_session(call: Call, *, issue: int = 1, life_s: float = 3600) -> Answer:
    account_id = str(call.members["RoleArn"]).split(":")[4]
    expires = (datetime.now(UTC) + timedelta(seconds=life_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Answer(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
        f"<AccessKeyId>ASIA{account_id}N{issue}</AccessKeyId><SecretAccessKey>s3cret-{issue}</SecretAccessKey>"
        f"<SessionToken>t0ken-{issue}</SessionToken><Expiration>{expires}</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>".encode()
    )


def regions(*names: str, **statuses: str) -> Answer:
    """The Regions as EC2 lists them; `af_south_1="not-opted-in"` gives one a status."""
    named = dict.fromkeys(names, "") | {name.replace("_", "-"): status for name, status in statuses.items()}
    items = "".join(
        f"<item><regionName>{name}</regionName>{f'<optInStatus>{status}</optInStatus>' if status else ''}</item>"
        for name, status in named.items()
    )
    return Answer(f"<DescribeRegionsResponse><regionInfo>{items}</regionInfo></DescribeRegionsResponse>".encode())


class FakeAws:
    """Scripts by operation name; the last answer of a script is given for ever after."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._scripts: dict[str, list[Script]] = defaultdict(list)
        self.on("GetCallerIdentity", identity())
        self.on("AssumeRole", role_session)
        self.on("ListRegions", error("AccessDeniedException", "no identity-based policy allows it", 403))

    def on(self, operation: str, *script: Script) -> None:
        self._scripts[operation] = list(script)

    def of(self, operation: str) -> list[Call]:
        return [call for call in self.calls if call.operation == operation]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        call = await _call_of(request)
        self.calls.append(call)
        script = self._scripts[call.operation]
        scripted = script.pop(0) if len(script) > 1 else script[0]
        answer = scripted if isinstance(scripted, Answer) else scripted(call)
        if answer.reset or answer.broken_off:
            return await _cut_off(request, answer)
        return web.Response(body=answer.body, status=answer.status, content_type="application/x-amz-json-1.1")


async def _cut_off(request: web.Request, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers={"Content-Length": str(len(answer.body) + 9)})
    if answer.broken_off:
        await response.prepare(request)
        await response.write(answer.body)
    assert request.transport is not None
    request.transport.close()
    return response


async def _call_of(request: web.Request) -> Call:
    body = await request.read()
    target = request.headers.get("X-Amz-Target")
    if request.path == "/listRegions":
        operation, members = "ListRegions", msgspec.json.decode(body)
    elif target:
        operation, members = target.split(".")[-1], msgspec.json.decode(body)
    else:
        members = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        operation = members["Action"]
    signed = _CREDENTIAL.search(request.headers.get("Authorization", ""))
    return Call(
        operation,
        signed["key"] if signed else "",
        signed["region"] if signed else "",
        members,
        request.headers.get("User-Agent", ""),
        request.headers.get("amz-sdk-request", ""),
    )


@asynccontextmanager
async def serving(fake: FakeAws) -> AsyncIterator[str]:
    """The fake on a port of its own; gives its URL."""
    app = web.Application()
    app.router.add_post("/{path:.*}", fake.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
