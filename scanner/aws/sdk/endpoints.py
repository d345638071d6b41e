"""Checks the endpoint of a client before a request needs it: the SDK takes URLs that no request can be sent to.

What it raises for them later is a traceback, or names part of a password.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from scanner.core.errors import ConfigError

_SCHEMES = ("http", "https")


def check_endpoint(url: str, service_id: str) -> None:
    """Refuses an endpoint that requests cannot be sent to; the URL may hold a password and is not shown.

    Args:
        url: as the SDK resolved it, from whichever setting.
        service_id: the name by which the SDK's own variables call the service, such as `SSM`.

    Raises:
        ConfigError: names the service, what is wrong, and the settings that may hold the URL.
    """
    problem = _problem(url)
    if problem is not None:
        variable = f"AWS_ENDPOINT_URL_{service_id.replace(' ', '_').upper()}"
        raise ConfigError(
            f"The endpoint of {service_id} in the AWS settings cannot be used: {problem}; correct AWS_ENDPOINT_URL, "
            f"{variable} or endpoint_url in the AWS config file to https://host:port"
        )


def _problem(url: str) -> str | None:
    if any(char.isspace() for char in url):
        return "it holds a blank"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "its port is no number up to 65535"
    if parts.scheme.lower() not in _SCHEMES:
        return f"{parts.scheme}:// is neither http:// nor https://"
    if "@" in url:  # in the path too: a `/` in a password ends the host before it
        return "a user and a password in it would be sent in the place of the signature"
    return "port 0 cannot be reached" if port == 0 else None
