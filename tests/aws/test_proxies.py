"""Requests through a proxy: it sees its own password, and no certificate for another name passes behind it."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager

import pytest

from scanner.aws.transport.interface import ConnectionFailure, NoResponse
from tests.aws.every_path import SERVICES, RecordingServer
from tests.aws.test_trust import error_of, serving

pytestmark = pytest.mark.slow

every_service = pytest.mark.parametrize("path", SERVICES)


class Proxy:
    """Tunnels every CONNECT to one port of this machine."""

    def __init__(self, port: int) -> None:
        self.heads: list[bytes] = []
        self._port = port

    async def serve(self, reader, writer):
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = asyncio.ensure_future(self._pump(server_reader, writer))
        await self._pump(reader, server_writer)
        await back

    async def _pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def proxying(port):
    proxy = Proxy(port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield proxy, server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def ask_through_proxy(path, name, authority, monkeypatch):
    """Returns the server, the proxy and the error that the request ended in."""
    server = RecordingServer()
    async with serving(server, authority.server_context(name)) as port, proxying(port) as (proxy, proxy_port):
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle))
        monkeypatch.setenv("AWS_ENDPOINT_URL", "https://aws.example:8443")
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{proxy_port}")
        return server, proxy, await error_of(path)


@every_service
async def test_behind_a_proxy_a_certificate_of_another_name_is_refused_and_nothing_is_sent(
    path,
    authority,
    monkeypatch,
):
    server, _, error = await ask_through_proxy(path, "other.example", authority, monkeypatch)

    assert "certificate" in str(error)
    if isinstance(error, NoResponse):
        assert error.kind is ConnectionFailure.UNTRUSTED
    assert server.requests == []


@every_service
async def test_the_password_of_a_proxy_goes_to_the_proxy_alone(path, authority, monkeypatch):
    server, proxy, error = await ask_through_proxy(path, "aws.example", authority, monkeypatch)

    assert "certificate" not in str(error)
    expected = b"Basic " + base64.b64encode(b"user:secret")
    assert all(expected in head and b"AWS4-HMAC" not in head for head in proxy.heads)
    assert server.requests != []
    assert all("Proxy-Authorization" not in request.headers for request in server.requests)
