"""Ends the TLS of a connection and hands everything on to a server without it, both ways."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import closing, suppress


def relay(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """Takes the handshake of a client, and passes bytes to and from the server at `port` until both have ended."""
    with (
        context.wrap_socket(client, server_side=True) as encrypted,
        closing(socket.create_connection(("127.0.0.1", port))) as server,
    ):
        back = threading.Thread(target=_pump, args=(server, encrypted), daemon=True)
        back.start()
        _pump(encrypted, server)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
