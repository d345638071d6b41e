"""A real HTTP server on this machine that takes what is posted to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web


class Posted(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver(NamedTuple):
    url: str
    posted: list[Posted]


Answer = Callable[[int], Awaitable[web.Response] | web.Response]  # of the number of the request, from 1


@asynccontextmanager
async def receiving(answer: Answer = lambda _: web.Response()) -> AsyncIterator[Receiver]:
    posted: list[Posted] = []

    async def take(request: web.Request) -> web.Response:
        posted.append(Posted(request.path_qs, dict(request.headers), await request.read()))
        given = answer(len(posted))
        return given if isinstance(given, web.Response) else await given

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    # It would wait 60 s for an answer that never comes.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield Receiver(f"http://{host}:{port}", posted)
    finally:
        await runner.cleanup()
