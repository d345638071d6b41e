"""Explains what goes wrong while the SDK loads or refreshes the credentials of the run.

The SDK's providers run programs, read files, ask metadata services and prompt for codes. What they raise is an open
list: OSError, ValueError, KeyError, EOFError and RuntimeError were all seen for what a user did.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scanner.core.errors import CredentialsError, PatchsweepError
from scanner.core.safe_text import mask_foreign_text

if TYPE_CHECKING:
    from aiobotocore.credentials import AioCredentialResolver, AioCredentials
    from botocore.credentials import ReadOnlyCredentials

#: What helps with each provider, by the name that botocore gives it.
_REMEDIES = {
    "env": "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
    "assume-role": "check the profile's role_arn, source_profile and mfa_serial; a code for MFA needs a terminal",
    "assume-role-with-web-identity": "check AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN",
    "sso": "run `aws sso login`",
    "custom-process": "run the profile's credential_process by hand and look at what it prints",
    "container-role": "check AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "iam-role": "check the instance profile and the instance metadata service",
}
#: What no key of AWS has: blanks, line ends, and characters such as the quotes and zero-width spaces of a web page.
NEVER_IN_KEYS = re.compile(r"[^!-~]")
_KEY_NAMES = {"access_key": "access key id", "secret_key": "secret access key", "token": "session token"}


async def load_credentials(resolver: AioCredentialResolver, profile: str) -> AioCredentials | None:
    """Returns the credentials of the first provider that has any, as the SDK's resolver does; None: none has.

    Raises:
        CredentialsError: a provider failed; names it and the profile.
    """
    for provider in resolver.providers:
        try:
            credentials: AioCredentials | None = await provider.load()
        except Exception as error:
            raise provider_error(error, str(provider.METHOD), profile) from error
        if credentials is not None:
            return credentials
    return None


def provider_error(error: Exception, provider: str, profile: str) -> PatchsweepError:
    """Returns the sentence for whatever a provider raised."""
    if isinstance(error, PatchsweepError):
        return error
    words = str(error) if isinstance(error, (BotoCoreError, ClientError)) else _typed(error)
    remedy = _REMEDIES.get(provider, "check AWS_PROFILE and the AWS config and credentials files")
    if _is_of_certificate(error):
        remedy = "set AWS_CA_BUNDLE to the certificates to trust"
    return CredentialsError(
        f"The AWS credentials of profile {profile!r} cannot be loaded by the provider {provider}: "
        f"{_on_one_line(mask_foreign_text(words))}; {remedy}"
    )


def _is_of_certificate(error: BaseException | None) -> bool:
    """Returns whether an error comes from a server whose certificate is not trusted."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def check_keys(keys: ReadOnlyCredentials, provider: str, profile: str) -> None:
    """Refuses keys that no request can be signed with.

    Raises:
        CredentialsError: one holds a blank or a line end, as a file that was read whole leaves it, or what is not
            ASCII, as a web page leaves it; names which.
    """
    for name, called in _KEY_NAMES.items():
        if NEVER_IN_KEYS.search(getattr(keys, name) or ""):
            raise CredentialsError(
                f"The {called} of profile {profile!r}, from the provider {provider}, holds a blank, a line end or a "
                "character that is not ASCII; remove it"
            )


def _on_one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _typed(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
