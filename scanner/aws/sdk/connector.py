"""Keeps a connection from handing an answer to the wrong request, which aiohttp's own pool can do."""

from __future__ import annotations

import select

from aiohttp import TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace


class StrictConnector(TCPConnector):
    """Reuses a connection only if nothing came over it after the answer to its last request.

    aiohttp looks for a surplus when it takes a connection back. That is too early where the end of a body and the
    surplus come in one read: the surplus is queued right after, and the next request would get it as its answer.
    """

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            protocol = connection.protocol
            if protocol is not None and not _holds_surplus(protocol):
                return connection
            connection.close()
        return None


def _holds_surplus(protocol: ResponseHandler) -> bool:
    """Returns whether bytes were received, or wait to be read, that no request asked for."""
    if protocol.should_close or protocol.transport is None:
        return True
    readable = select.poll()
    readable.register(protocol.transport.get_extra_info("socket"), select.POLLIN)
    return bool(readable.poll(0))
