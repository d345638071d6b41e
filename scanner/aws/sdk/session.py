"""Sets up the SDK once: all clients share its settings and models, whichever role signs their requests."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from aiobotocore.client import AioBaseClient
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentials
from aiobotocore.session import ClientCreatorContext
from anyio import to_thread
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError
from botocore.loaders import Loader

from scanner import __version__
from scanner.aws.sdk.endpoints import check_endpoint
from scanner.aws.sdk.environment import set_ca_bundle, set_region
from scanner.aws.sdk.errors import setup_errors
from scanner.aws.sdk.fixed_access import FixedAccess
from scanner.aws.sdk.models import model_loader
from scanner.aws.sdk.proxies import check_proxies
from scanner.aws.sdk.responses import ResponseParsers
from scanner.aws.sdk.shared_session import SharedSession
from scanner.aws.transport.tls import tls_context
from scanner.core.in_flight import max_in_flight
from scanner.core.settings import LimitSettings

if TYPE_CHECKING:
    from types_aiobotocore_account import AccountClient
    from types_aiobotocore_ec2 import EC2Client
    from types_aiobotocore_organizations import OrganizationsClient
    from types_aiobotocore_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_ssm import SSMClient
    from types_aiobotocore_sts import STSClient

C = TypeVar("C", bound="AioBaseClient")
CLOSE_WITHIN_S = 5.0
#: What a client is made from; the loader remembers them by these very arguments.
_MODELS = ("service-2", "endpoint-rule-set-1")


@cache
def _loader(data_path: str | None) -> Loader:
    """Returns the loader of the services' models, one for the process: reading them takes 50 ms."""
    return model_loader(data_path)


def _include_managed_resources(params: dict[str, Any], **_: object) -> None:
    """Asks for instances that services of AWS manage too: EC2 may hide them, and the pinned SDK lacks the member."""
    params["body"]["IncludeManagedResources"] = "true"


class Sessions:
    """Creates clients that sign as the current role, with the SDK's retries off: the request pipeline has its own."""

    def __init__(self, limits: LimitSettings, access: FixedAccess | None = None) -> None:
        if access is None:
            check_proxies(os.environ)
        with setup_errors():
            core = SharedSession()
            if access is not None:
                access.apply_to(core)
            core.register_component("response_parser_factory", ResponseParsers())
            core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
            if access is None:
                set_region(core, os.environ.get("AWS_DEFAULT_REGION"), os.environ.get("AWS_REGION"))
            self._ca_bundle = set_ca_bundle(core) if access is None else True
        self._core = core
        self._endpoint_url = access and access.endpoint_url
        self._own: AioCredentials | None = None
        self.config = AioConfig(
            user_agent=f"patchsweep/{__version__}",
            retries={"total_max_attempts": 1},
            connect_timeout=limits.connect_timeout_s,
            read_timeout=limits.read_timeout_s,
            max_pool_connections=max_in_flight(limits),
            # The service judges better: its answer is quoted, the SDK's would be a traceback.
            parameter_validation=False,
            # No proxy stands before a server that the program itself names; None: those of the environment.
            proxies=None if access is None else {},
        )

    @property
    def region(self) -> str | None:
        """Returns the Region that the AWS settings in force name."""
        with setup_errors():
            region: str | None = self._core.get_config_variable("region")
            return region

    async def has_credentials(self) -> bool:
        """Returns whether the SDK finds any credentials for the run itself."""
        with setup_errors():
            credentials = await self._core.get_credentials()
            return credentials is not None

    async def frozen_credentials(self) -> ReadOnlyCredentials:
        """Returns the keys of the run itself, renewed by the SDK where they can be.

        Raises:
            CredentialsExpired: they cannot be renewed.
        """
        try:
            own = self._own or await self._own_credentials()
            keys: ReadOnlyCredentials = await own.get_frozen_credentials()
        except Exception:
            # Entered for an error only: this is asked before every request.
            with setup_errors():
                raise
        return keys

    async def _own_credentials(self) -> AioCredentials:
        self._own = await self._core.get_credentials()
        if self._own is None:
            raise NoCredentialsError
        return self._own

    def tls_context(self) -> ssl.SSLContext:
        """Returns the TLS settings for connections beside the SDK's: the same certificates are trusted.

        Raises:
            ConfigError: the file of certificates cannot be used any more; it could when the run began.
        """
        return tls_context(self._ca_bundle)

    async def known_regions(self, service: str, partition: str) -> list[str]:
        """Returns the Regions that this version of the SDK knows of; AWS may have more."""
        regions: list[str] = await self._core.get_available_regions(service, partition)
        return regions

    def account(self, region: str) -> AbstractAsyncContextManager[AccountClient]:
        return self._opened("account", self._creating("account", region))

    @asynccontextmanager
    async def ec2(self, region: str) -> AsyncIterator[EC2Client]:
        async with self._opened("ec2", self._creating("ec2", region)) as client:
            client.meta.events.register("before-call.ec2.DescribeInstances", _include_managed_resources)
            yield client

    def tagging(self, region: str) -> AbstractAsyncContextManager[ResourceGroupsTaggingAPIClient]:
        return self._opened("resourcegroupstaggingapi", self._creating("resourcegroupstaggingapi", region))

    def organizations(self, region: str) -> AbstractAsyncContextManager[OrganizationsClient]:
        return self._opened("organizations", self._creating("organizations", region))

    def events(self, region: str) -> AbstractAsyncContextManager[Any]:
        return self._opened("events", self._creating("events", region))

    def sns(self, region: str) -> AbstractAsyncContextManager[Any]:
        return self._opened("sns", self._creating("sns", region))

    def s3(self) -> AbstractAsyncContextManager[S3Client]:
        # Not before it is needed: with boto3 it takes 40 ms, and only stores on S3 have a use for it.
        import aioboto3  # noqa: PLC0415 - costs 40 ms

        sdk = aioboto3.Session(botocore_session=self._core)
        return self._opened("s3", partial(sdk.client, "s3", config=self.config))

    def ssm(self, region: str) -> AbstractAsyncContextManager[SSMClient]:
        return self._opened("ssm", self._creating("ssm", region))

    def sts(self, region: str) -> AbstractAsyncContextManager[STSClient]:
        return self._opened("sts", self._creating("sts", region))

    def _creating(self, service: str, region: str) -> Callable[[], ClientCreatorContext[Any]]:
        return partial(
            self._core.create_client,
            service,
            region_name=region,
            endpoint_url=self._endpoint_url,
            config=self.config,
        )

    @asynccontextmanager
    async def _opened(self, service: str, create: Callable[[], ClientCreatorContext[C]]) -> AsyncIterator[C]:
        with setup_errors():
            await self._load_models(service)
            # Not before: what the SDK creates here is a coroutine that would never be awaited if this were cancelled.
            opening = create()
            client = await opening.__aenter__()
        try:
            check_endpoint(client.meta.endpoint_url, client.meta.service_model.service_id)
            yield client
        finally:
            with anyio.move_on_after(CLOSE_WITHIN_S, shield=True):
                await opening.__aexit__(None, None, None)

    async def _load_models(self, service: str) -> None:
        """Reads the models of a service in a worker thread: that takes 30 ms, and blocks the event loop otherwise."""
        loader: Loader = self._core.get_component("data_loader")
        await to_thread.run_sync(loader.load_data_with_path, "endpoints")
        for model in _MODELS:
            await to_thread.run_sync(partial(loader.load_service_model, service, model, api_version=None))
