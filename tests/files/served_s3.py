"""Serves a fake S3 on this machine and opens a store on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from scanner.core.settings import StoreSettings
from scanner.files.s3 import S3Files, open_files
from tests.aws.fake_ssm import QUICK

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def files_at(
    answer: Answer, monkeypatch: pytest.MonkeyPatch, settings: StoreSettings | None = None
) -> AsyncIterator[S3Files]:
    """Yields the store s3://bucket/p, each of whose requests `answer` answers."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
        async with open_files("s3://bucket/p", QUICK, settings) as files:
            yield files
    finally:
        await runner.cleanup()
