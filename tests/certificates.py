"""Certificates for servers of the tests, signed by an authority that only the tests trust."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """Issues certificates. A client trusts them if it is given `bundle`."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.bundle = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(self.bundle)

    def server_context(self, *names: str) -> ssl.SSLContext:
        """Returns the TLS settings of a server whose certificate holds these host names or IP addresses."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(*names).configure_cert(context)
        return context

    def server_file(self, *names: str) -> Path:
        """Writes the key and certificate of such a server into one file and returns its path."""
        path = self.bundle.with_name("server.pem")
        self._authority.issue_cert(*names).private_key_and_cert_chain_pem.write_to_path(path)
        return path

    def client_context(self) -> ssl.SSLContext:
        """Returns the TLS settings of a client that trusts this authority alone and checks host names."""
        return ssl.create_default_context(cafile=self.bundle)
