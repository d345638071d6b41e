"""Makes the TLS settings of every connection to AWS, whichever library opens it."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path
from typing import Literal

from botocore.httpsession import create_urllib3_context, get_cert_path

from scanner.core.errors import ConfigError

#: The only protocol that is spoken here. A server of another protocol that holds the same certificate then refuses
#: the handshake, instead of taking a request for a command of its own.
ALPN_PROTOCOLS = ("http/1.1",)


def tls_context(ca_bundle: str | Literal[True], named_by: str = "AWS_CA_BUNDLE") -> ssl.SSLContext:
    """Returns the TLS settings that every connection with these certificates shares, and none may change.

    Reading the usual 140 certificates takes 18 ms, in which the event loop stands still, and every Region has clients
    of its own. A file that was changed is read again.

    Args:
        ca_bundle: a PEM file of the certificates to trust; True for those that botocore trusts.
        named_by: the variable or setting that names the file, for the error.

    Raises:
        ConfigError: the file cannot be read or holds no certificate.
    """
    try:
        path = str(get_cert_path(ca_bundle))  # type: ignore[arg-type]  # a path, too
        state = Path(path).stat()
        return _shared_context(path, (state.st_ino, state.st_mtime_ns, state.st_size))
    except OSError as error:  # ssl.SSLError is one, for a file without a certificate
        reason = "it holds no PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(
            f"{named_by} names {ca_bundle!r} as the certificates to trust, which cannot be used: {reason}; "
            "correct the path or remove the setting"
        ) from error


@lru_cache(maxsize=8)  # one file as a rule
def _shared_context(path: str, version: tuple[int, int, int]) -> ssl.SSLContext:  # noqa: ARG001 - a part of the key
    return new_tls_context(path)


def new_tls_context(ca_bundle: str | Literal[True]) -> ssl.SSLContext:
    """Returns botocore's TLS settings with the host name check turned on, for one caller that adds to them.

    botocore turns that check off, because urllib3 makes it after the handshake. asyncio and aiohttp do not: they rely
    on the context, and would accept any trusted certificate for any host.

    Args:
        ca_bundle: as for `tls_context`.

    Raises:
        OSError: the file cannot be read or holds no certificate.
    """
    context: ssl.SSLContext = create_urllib3_context()
    context.check_hostname = True
    context.set_alpn_protocols(list(ALPN_PROTOCOLS))
    context.load_verify_locations(get_cert_path(ca_bundle))  # type: ignore[arg-type]  # a path, too
    return context
