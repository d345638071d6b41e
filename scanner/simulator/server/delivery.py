"""Sends a reply, completely or in one of the ways in which networks fail."""

from __future__ import annotations

import asyncio
import socket
import struct

from aiohttp import web

from scanner.simulator.api.replies import Delivery, Reply
from scanner.simulator.world.faults import Faults

_LINGER_NOT = struct.pack("ii", 1, 0)  # Closing then sends a reset instead of an orderly end


async def deliver(reply: Reply, request: web.BaseRequest, faults: Faults) -> web.StreamResponse:
    """Returns the response for the server, which may have been sent, or lost, by then."""
    headers = {"Content-Type": reply.content_type, "x-amzn-RequestId": reply.request_id}
    whole = web.Response(status=reply.status, body=reply.body, headers=headers)
    match reply.delivery:
        case Delivery.WHOLE:
            return whole
        case Delivery.RESET:
            _reset(request)
            return whole
        case Delivery.HANGING:
            await asyncio.sleep(faults.hang_s)
            _reset(request)
            return whole
        case Delivery.SLOW:
            return await _in_halves(reply, request, headers, pause_s=faults.slow_s)
        case Delivery.CUT:
            return await _in_halves(reply, request, headers, pause_s=None)


async def _in_halves(
    reply: Reply, request: web.BaseRequest, headers: dict[str, str], *, pause_s: float | None
) -> web.StreamResponse:
    """Sends half the body, then after a pause the rest, or (None) closes the connection."""
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_length = len(reply.body)
    await response.prepare(request)
    half = len(reply.body) // 2
    try:
        await response.write(reply.body[:half])
        if pause_s is None:
            _reset(request)
            return response
        await asyncio.sleep(pause_s)
        await response.write(reply.body[half:])
    except ConnectionResetError:
        pass  # the caller did not wait for the rest
    return response


def _reset(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is None:
        return
    plain = transport.get_extra_info("socket")
    if plain is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()
