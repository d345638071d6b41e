"""Answers for AWS at the names of its own endpoints: for clients that do not ask where another endpoint is set."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

from tests.certificates import Authority
from tests.tls_relay import relay


@contextmanager
def at_the_names_of_aws(port: int, folder: Path) -> Iterator[dict[str, str]]:
    """Yields the variables that lead a client of AWS to the HTTP server at `port`, whichever host it asks for.

    They name a proxy that ends the TLS of every tunnel itself, and the authority that vouches for each host's name.
    """
    authority = Authority(folder)

    class Tunnel(StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # the client hung up
                host = self.rfile.readline().decode("ascii").split(" ")[1].rpartition(":")[0]
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                relay(self.connection, authority.server_context(host), port)

    with ThreadingTCPServer(("127.0.0.1", 0), Tunnel) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield {
                "HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_address[1]}",
                "AWS_CA_BUNDLE": str(authority.bundle),
            }
        finally:
            proxy.shutdown()
