"""One session of the SDK for all accounts: everything that it creates sends through the project's own HTTP session."""

from __future__ import annotations

from typing import Any, cast

from aiobotocore.config import AioConfig
from aiobotocore.credentials import (
    AioContainerProvider,
    AioCredentialResolver,
    AioCredentials,
    AioInstanceMetadataProvider,
)
from aiobotocore.session import AioSession
from aiobotocore.utils import AioContainerMetadataFetcher
from botocore.utils import get_environ_proxies

from scanner.aws.credentials.current_role import CurrentRoleCredentials
from scanner.aws.credentials.providers import load_credentials
from scanner.aws.sdk.http_session import MetadataSession, StrictSession


class SharedSession(AioSession):
    """One session for all accounts: a session of its own for each would cost 11 MB and 150 ms.

    All that it creates sends through `StrictSession`: the clients of the credential providers, which are created with
    a configuration of their own or none, and the fetchers of container and instance credentials.
    """

    def create_client(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the SDK's own
        # `merge` and `AioConfig` forget the class, so it is set last.
        strict: Any = AioConfig().merge(kwargs.pop("config", None) or AioConfig())
        strict.http_session_cls = StrictSession
        return super().create_client(*args, config=strict, **kwargs)  # type: ignore[call-overload]  # one a service

    def _create_credential_resolver(self) -> AioCredentialResolver:
        resolver: AioCredentialResolver = super()._create_credential_resolver()  # type: ignore[misc]  # not in the stubs
        for provider in resolver.providers:
            _send_strictly(provider)
        return resolver

    async def get_credentials(self) -> AioCredentials | None:  # type: ignore[override]  # aiobotocore overrides so too
        profile = self.get_config_variable("profile") or "default"
        own: AioCredentials | None = self._credentials  # type: ignore[has-type]  # not in the stubs
        if own is None:
            own = self._credentials = await load_credentials(self.get_component("credential_provider"), profile)
        # Of credentials a client uses no more than `CurrentRoleCredentials` has.
        return None if own is None else cast("AioCredentials", CurrentRoleCredentials(own, profile))


def _send_strictly(provider: Any) -> None:  # noqa: ANN401 - the attributes are not in the stubs
    """Replaces the HTTP session of a provider that reads metadata; the SDK takes none from outside."""
    if provider.METHOD == AioContainerProvider.METHOD:
        session = MetadataSession(timeout=AioContainerMetadataFetcher.TIMEOUT_SECONDS)
        provider._fetcher = AioContainerMetadataFetcher(session)  # noqa: SLF001 - as said
    elif provider.METHOD == AioInstanceMetadataProvider.METHOD:
        fetcher = provider._role_fetcher  # noqa: SLF001 - as said
        proxies = get_environ_proxies(fetcher._base_url)  # noqa: SLF001 - as said
        fetcher._session = MetadataSession(timeout=fetcher._timeout, proxies=proxies)  # noqa: SLF001 - as said
