from __future__ import annotations

import ssl
from dataclasses import dataclass

import pytest

from tests.certificates import Authority


@dataclass
class Certificate:
    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def own_certificate(tmp_path_factory):
    """Returns the TLS settings of a server on 127.0.0.1, and those of a client that trusts no other."""
    authority = Authority(tmp_path_factory.mktemp("tls"))
    return Certificate(authority.server_context("127.0.0.1"), authority.client_context())
