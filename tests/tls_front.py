"""Puts TLS in front of a PostgreSQL server: the server of the wheel is built without it."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

from tests.tls_relay import relay

# PostgreSQL's protocol, "Message Formats": a length of 8 and a code, before anything else is sent.
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
GSS_REQUEST = struct.pack("!ii", 8, 80877104)


@contextmanager
def serving_tls(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """Yields a port of 127.0.0.1 that speaks TLS and hands everything on to the server at `port`."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # a client that refuses the certificate hangs up in the handshake
                _hand_on(self.request, port, context)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as front:
        front.daemon_threads = True
        threading.Thread(target=front.serve_forever, daemon=True).start()
        try:
            yield front.server_address[1]
        finally:
            front.shutdown()


def _hand_on(client: socket.socket, port: int, context: ssl.SSLContext) -> None:
    request = client.recv(8, socket.MSG_WAITALL)
    if request == GSS_REQUEST:
        client.sendall(b"N")
        request = client.recv(8, socket.MSG_WAITALL)
    if request != SSL_REQUEST:
        return
    client.sendall(b"S")
    relay(client, context, port)
