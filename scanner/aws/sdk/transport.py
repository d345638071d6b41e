"""Requests by way of the SDK, with the answers left undecoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore import xform_name

from scanner.aws.credentials.current_role import signed_as
from scanner.aws.credentials.role_session import RoleCredentials
from scanner.aws.operations import Operation
from scanner.aws.sdk.errors import sdk_errors
from scanner.aws.sdk.responses import RAW_BODY
from scanner.aws.transport.interface import Payload

if TYPE_CHECKING:
    from aiobotocore.client import AioBaseClient


class SdkTransport:
    """Implements `Transport` over a client of `Sessions`, asking as a role or, without one, as the run itself."""

    def __init__(self, client: AioBaseClient, role: RoleCredentials | None) -> None:
        self._client = client
        self._role = role

    async def send(self, operation: Operation, payload: Payload) -> bytes:
        method = getattr(self._client, xform_name(operation.name))
        with sdk_errors(), signed_as(self._role):
            body: bytes = (await method(**payload))[RAW_BODY]
        return body
