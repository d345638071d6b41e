"""Chooses how SSM requests of a target travel: over our own connections, or through the SDK's pipeline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.utils import get_environ_proxies

from scanner import __version__
from scanner.aws.credentials.role_session import RoleCredentials
from scanner.aws.sdk.region_clients import RegionClients
from scanner.aws.sdk.session import Sessions
from scanner.aws.sdk.transport import SdkTransport
from scanner.aws.transport.connection_pool import Connections
from scanner.aws.transport.direct import DirectTransport, Endpoint
from scanner.aws.transport.interface import Transport
from scanner.core.settings import LimitSettings, TransportName

if TYPE_CHECKING:
    from types_aiobotocore_ssm import SSMClient


class Transports:
    """Makes one transport for each target; endpoints, credentials and TLS settings are the SDK's either way."""

    def __init__(
        self, sessions: Sessions, clients: RegionClients[SSMClient], connections: Connections, preferred: TransportName
    ) -> None:
        self._sessions = sessions
        self._clients = clients
        self._connections = connections
        self._preferred = preferred

    async def for_region(self, region: str, role: RoleCredentials | None) -> Transport:
        """Returns the transport that asks a Region's SSM as a role or, without one, as the run itself."""
        client = await self._clients.for_region(region)
        if self._preferred == "sdk" or not _can_go_direct(client.meta.endpoint_url):
            return SdkTransport(client, role)
        keys = self._sessions.frozen_credentials if role is None else role.get_frozen_credentials
        return DirectTransport(_endpoint(client), keys, self._connections, user_agent=f"patchsweep/{__version__}")


@asynccontextmanager
async def open_transports(
    sessions: Sessions, clients: RegionClients[SSMClient], limits: LimitSettings, preferred: TransportName
) -> AsyncIterator[Transports]:
    """Yields transports over connections that are closed at the end."""
    connections = Connections(
        sessions.tls_context,
        connect_timeout_s=limits.connect_timeout_s,
        read_timeout_s=limits.read_timeout_s,
    )
    try:
        yield Transports(sessions, clients, connections, preferred)
    finally:
        connections.close()


def _can_go_direct(url: str) -> bool:
    """Returns whether our own connections can reach the URL: proxies and endpoints below a path are left to the SDK."""
    parts = urlsplit(url)
    return parts.path in ("", "/") and not parts.query and not get_environ_proxies(url).get(parts.scheme)


def _endpoint(client: SSMClient) -> Endpoint:
    return Endpoint(client.meta.endpoint_url, client.meta.region_name, client.meta.service_model.signing_name)
