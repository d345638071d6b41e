"""Signs what a webhook gets, as Standard Webhooks 1.0 says, for which receivers have libraries in most languages.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from pathlib import Path

from scanner.core.errors import ConfigError
from scanner.core.settings import NotifySettings

_PREFIX = "whsec_"


def webhook_key(settings: NotifySettings) -> bytes | None:
    """Returns the key that signs what webhooks get; None: they are not signed.

    Raises:
        ConfigError: the secret or its file cannot be used.
    """
    secret = settings.webhook_secret
    if settings.webhook_secret_file is not None:
        try:
            secret = Path(settings.webhook_secret_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise ConfigError(
                f"the webhook secret cannot be read from {settings.webhook_secret_file}: {why}"
            ) from error
    return None if secret is None else key_of(secret)


def key_of(secret: str) -> bytes:
    """Returns the key of a secret: what `whsec_` is followed by is base64, any other text is taken as it is.

    Raises:
        ConfigError: it is empty, or no base64 follows the prefix.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True) if secret.startswith(_PREFIX) else b""
    except (binascii.Error, ValueError) as error:
        raise ConfigError("the webhook secret begins with whsec_ and is not base64 after it") from error
    key = key or secret.removeprefix(_PREFIX).encode()
    if not key:
        raise ConfigError("the webhook secret is empty")
    return key


def signed_headers(key: bytes | None, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Returns the headers that say which message this is and when it was sent, signed where there is a key."""
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp_s)}
    if key is not None:
        content = b".".join([message_id.encode(), str(timestamp_s).encode(), body])
        digest = hmac.new(key, content, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers
