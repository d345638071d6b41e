"""Keep-alive connections to every endpoint in use, shared by all accounts: a TLS handshake costs more than a page."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import anyio

from scanner.aws.transport.connection import BUFFER_BYTES, Answer, Connection
from scanner.aws.transport.interface import ConnectionFailure, NoResponse

MAX_IDLE_S = 15.0  # AWS drops idle connections after about 20 s; a request that meets the drop costs a retry


class Connections:
    """Posts over the connection used last, or over a new one. The callers bound how many requests are under way.

    Args:
        tls: the TLS settings for `https` endpoints, made when first needed.
        connect_timeout_s: for name look-up, connecting and the TLS handshake together.
        read_timeout_s: from the request to the end of the answer.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        tls: Callable[[], ssl.SSLContext],
        *,
        connect_timeout_s: float,
        read_timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._clock = clock
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._idle: defaultdict[str, list[Connection]] = defaultdict(list)

    async def post(self, url: str, request: bytes) -> Answer:
        """Sends a request to the endpoint `url` and returns its answer.

        Raises:
            NoResponse: no answer came; says why.
        """
        connection = self._reusable(url) or await self._connect(url)
        answer = await connection.post(request, self._read_timeout_s)
        if connection.is_reusable:
            connection.idle_since_s = self._clock()
            self._idle[url].append(connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        """Drops every idle connection; those in use are dropped when their requests end."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()

    def _reusable(self, url: str) -> Connection | None:
        idle = self._idle[url]
        now = self._clock()
        while idle:
            connection = idle.pop()
            if connection.is_usable and now - connection.idle_since_s < MAX_IDLE_S:
                return connection
            connection.close()
        return None

    async def _connect(self, url: str) -> Connection:
        parts = urlsplit(url)
        is_tls = parts.scheme == "https"
        if is_tls and self._tls is None:
            self._tls = self._make_tls()
        try:
            with anyio.fail_after(self._connect_timeout_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    partial(Connection, self._buffer),
                    parts.hostname or "",
                    parts.port or (443 if is_tls else 80),
                    ssl=self._tls if is_tls else None,
                )
        except TimeoutError:
            raise NoResponse(
                ConnectionFailure.CONNECTION, f"no connection within {self._connect_timeout_s:g} s"
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise NoResponse(ConnectionFailure.UNTRUSTED, str(error)) from error
        except socket.gaierror as error:
            # A resolver that is out of order for a moment is no proof that the name does not exist.
            is_passing = error.errno == socket.EAI_AGAIN
            kind = ConnectionFailure.CONNECTION if is_passing else ConnectionFailure.NO_SUCH_HOST
            raise NoResponse(kind, str(error)) from error
        except OSError as error:
            raise NoResponse(ConnectionFailure.CONNECTION, str(error)) from error
        return connection
