"""What a real receiver gets, and what becomes of one that does not take it."""

from __future__ import annotations

import asyncio
import json
import socket

import anyio
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from scanner.core.settings import NotifySettings
from scanner.notify.send import send_to_all
from tests.certificates import Authority
from tests.notify.messages import MESSAGE
from tests.notify.receiver import receiving

pytestmark = pytest.mark.slow

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


async def test_a_webhook_gets_the_document_signed_so_that_the_public_library_accepts_it():
    async with receiving() as receiver:
        settings = NotifySettings(to=(f"webhook:{receiver.url}/hook",), webhook_secret=SECRET)
        assert await send_to_all(settings, MESSAGE) == {}

    (posted,) = receiver.posted
    assert Webhook(SECRET).verify(posted.body, {name.lower(): value for name, value in posted.headers.items()})
    assert json.loads(posted.body) == MESSAGE.document
    assert posted.headers["webhook-id"] == MESSAGE.key


async def test_a_secret_that_is_any_text_comes_from_a_file_too(tmp_path):
    (tmp_path / "secret").write_text("correct horse\n")
    async with receiving() as receiver:
        settings = NotifySettings(to=(f"webhook:{receiver.url}",), webhook_secret_file=str(tmp_path / "secret"))
        await send_to_all(settings, MESSAGE)

    (posted,) = receiver.posted
    Webhook(b"correct horse").verify(posted.body, {name.lower(): value for name, value in posted.headers.items()})


async def test_without_a_secret_nothing_is_signed():
    async with receiving() as receiver:
        await send_to_all(NotifySettings(to=(f"webhook:{receiver.url}",)), MESSAGE)

    assert "webhook-signature" not in receiver.posted[0].headers


async def test_slack_gets_text_in_which_nothing_is_obeyed():
    async with receiving() as receiver:
        assert await send_to_all(NotifySettings(to=(f"slack:{receiver.url}/services/T/B/x",)), MESSAGE) == {}

    text = json.loads(receiver.posted[0].body)["text"]
    assert text == "*Scan 20261125T210048Z-623611 is partial.*\n512 machines &lt;all&gt;"


@pytest.mark.parametrize("kind", ["webhook", "slack"])
async def test_a_refusal_is_named_without_the_path_that_is_a_secret(kind):
    answer = web.Response(status=403, text="no such hook: services/T0/B0/hunter2")
    async with receiving(lambda _: answer) as receiver:
        failures = await send_to_all(NotifySettings(to=(f"{kind}:{receiver.url}/services/T0/B0/hunter2",)), MESSAGE)

    assert failures == {f"{kind}:{receiver.url}/***": "answered 403: no such hook: ***"}
    assert len(receiver.posted) == 1


@pytest.mark.parametrize(
    ("where", "answer", "says"),
    [
        ("/hook?token=hunter2", "POST /hook?token=hunter2 is unknown", "POST /*** is unknown"),
        ("/hook?token=hunter2", "the token hunter2 is unknown", "the token *** is unknown"),
        ("/services/T0/hunter2", "hunter2 was revoked", "*** was revoked"),
        ("/a/hunter%212", "hunter!2 was revoked", "*** was revoked"),
        ("/services/T0/hunter2", "." * 115 + " hunter2", "." * 115 + " ***"),
        ("/a?b=", "not a bad idea", "not a bad idea"),
    ],
)
async def test_no_part_of_a_secret_url_is_quoted(where, answer, says):
    async with receiving(lambda _: web.Response(status=403, text=answer)) as receiver:
        (reason,) = (await send_to_all(NotifySettings(to=(f"webhook:{receiver.url}{where}",)), MESSAGE)).values()

    assert reason == f"answered 403: {says}"


async def test_destinations_that_look_alike_without_their_secrets_are_named_apart_by_their_place():
    async with receiving(lambda number: web.Response(status=410 if number != 1 else 500)) as receiver:
        to = (f"slack:{receiver.url}/T/1", f"webhook:{receiver.url}/2", f"slack:{receiver.url}/T/3")
        # The first is busy with its attempts again while the others are refused.
        failures = await send_to_all(NotifySettings(to=to), MESSAGE)

    shown = receiver.url + "/***"
    assert set(failures) == {
        f"slack:{shown} (no. 1 of notify.to)",
        f"webhook:{shown}",
        f"slack:{shown} (no. 3 of notify.to)",
    }


async def test_a_redirect_is_not_followed():
    async with receiving() as elsewhere:
        there = web.Response(status=307, headers={"Location": f"{elsewhere.url}/steal?token=x"})
        async with receiving(lambda _: there) as receiver:
            (reason,) = (await send_to_all(NotifySettings(to=(f"webhook:{receiver.url}/a",)), MESSAGE)).values()

    assert elsewhere.posted == []
    assert reason == "answered 307, a redirect to 127.0.0.1, which is not followed; name the final URL"


async def test_a_passing_failure_is_tried_again_under_the_same_id():
    async with receiving(lambda number: web.Response(status=503 if number == 1 else 204)) as receiver:
        assert await send_to_all(NotifySettings(to=(f"webhook:{receiver.url}",)), MESSAGE) == {}

    assert [posted.headers["webhook-id"] for posted in receiver.posted] == [MESSAGE.key] * 2


async def test_a_receiver_that_never_answers_costs_the_deadline_and_no_other_destination():
    async def never():
        await anyio.sleep_forever()

    async with receiving(lambda _: never()) as silent, receiving() as receiver:
        to = (f"webhook:{silent.url}/s", f"webhook:{receiver.url}")
        failures = await send_to_all(NotifySettings(to=to, timeout_s=0.5), MESSAGE)

    assert failures == {f"webhook:{silent.url}/***": "no answer within 0.5 s (notify.timeout_s)"}
    assert len(receiver.posted) == 1


async def test_a_receiver_that_hangs_up_is_named_in_words():
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:

        async def close(stream):
            async with stream:
                await stream.receive()

        tasks.start_soon(listener.serve, close)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        failures = await send_to_all(NotifySettings(to=(f"webhook:http://127.0.0.1:{port}/x",)), MESSAGE)
        tasks.cancel_scope.cancel()

    assert [*failures.values()] == ["no answer: the connection was closed (tried 3 times)"]


async def test_a_port_that_nothing_listens_on_is_named():
    async with receiving() as receiver:
        pass
    (reason,) = (await send_to_all(NotifySettings(to=(f"webhook:{receiver.url}/x",)), MESSAGE)).values()

    assert reason.startswith("no answer: Connection refused")


async def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path):
    async def take(_):
        pytest.fail("an unverified server got the message")

    app = web.Application()
    app.router.add_route("*", "/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    context = Authority(tmp_path).server_context("127.0.0.1")
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
        (reason,) = (await send_to_all(NotifySettings(to=(f"webhook:{url}",)), MESSAGE)).values()
    finally:
        await runner.cleanup()

    assert reason.startswith("no answer: the certificate is not trusted")


def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


REMEDY = "; check {variable} and the proxy, or list hooks.example in NO_PROXY"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_takes_no_connection_is_named_without_its_password(scheme, monkeypatch):
    variable, proxy = f"{scheme.upper()}_PROXY", f"127.0.0.1:{closed_port()}"
    monkeypatch.setenv(variable, f"http://user:hunter2@{proxy}")

    failures = await send_to_all(NotifySettings(to=(f"webhook:{scheme}://hooks.example/T/secret",)), MESSAGE)

    refused = f"no answer through the proxy {proxy} ({variable}): Connection refused"
    assert failures == {
        f"webhook:{scheme}://hooks.example/***": refused + REMEDY.format(variable=variable) + " (tried 3 times)"
    }


@pytest.mark.parametrize(
    ("scheme", "says"),
    [
        ("http", "answered 407 through the proxy {proxy} (http_proxy): no entry for /***"),
        ("https", "no answer through the proxy {proxy} (https_proxy): it answers CONNECT with 404" + REMEDY),
    ],
)
async def test_a_proxy_that_refuses_and_a_server_that_is_no_proxy_are_named(scheme, says, monkeypatch):
    answer = web.Response(status=407, text="no entry for /T/secret")
    async with receiving(lambda _: answer) as receiver:
        monkeypatch.setenv(f"{scheme}_proxy", receiver.url)
        (reason,) = (
            await send_to_all(NotifySettings(to=(f"webhook:{scheme}://hooks.example/T/secret",)), MESSAGE)
        ).values()

    proxy = receiver.url.removeprefix("http://")
    assert reason.removesuffix(" (tried 3 times)") == says.format(proxy=proxy, variable="https_proxy")


async def test_a_proxy_that_says_nothing_is_named(monkeypatch):
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        proxy = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
        settings = NotifySettings(to=("webhook:https://hooks.example/T",), timeout_s=0.5)
        (reason,) = (await send_to_all(settings, MESSAGE)).values()

    assert (
        reason
        == f"no answer within 0.5 s (notify.timeout_s) through the proxy {proxy} (HTTPS_PROXY)"
        + REMEDY.format(variable="HTTPS_PROXY")
    )


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "http://127.0.0.1:port", "http://"])
async def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(proxy, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", proxy)

    (reason,) = (await send_to_all(NotifySettings(to=("webhook:https://hooks.example/T",)), MESSAGE)).values()

    assert reason.startswith("HTTPS_PROXY cannot be used: ")


async def test_a_proxy_without_a_scheme_is_one_of_http(monkeypatch):
    async with receiving() as receiver:
        monkeypatch.setenv("HTTP_PROXY", receiver.url.removeprefix("http://"))
        assert await send_to_all(NotifySettings(to=("webhook:http://hooks.example/T",)), MESSAGE) == {}

    assert [posted.path for posted in receiver.posted] == ["/T"]


async def test_a_host_in_no_proxy_is_sent_to_past_the_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with receiving() as receiver:
        assert await send_to_all(NotifySettings(to=(f"webhook:{receiver.url}",)), MESSAGE) == {}
