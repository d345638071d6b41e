"""A certificate authority made for one test run, and a certificate of 127.0.0.1 that it signed."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from msgspec import Struct


class Certificate(Struct, frozen=True):
    """The file to trust, and the files that a server shows."""

    cert: str
    chain: str
    key: str

    def server(self) -> ssl.SSLContext:
        """The settings of a server that shows it."""
        settings = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        settings.load_cert_chain(self.chain, self.key)
        return settings


def make_certificate(folder: Path) -> Certificate:
    """Make both in this folder with `openssl`."""
    ca, ca_key, chain, key, request = (
        str(folder / name) for name in ("ca.pem", "ca-key.pem", "server.pem", "server-key.pem", "request.pem")
    )
    extensions = folder / "extensions"
    extensions.write_text("subjectAltName=IP:127.0.0.1\n")
    new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes"]
    for command in (
        [*new, "-x509", "-days", "2", "-subj", "/CN=chaos CA", "-keyout", ca_key, "-out", ca],
        [*new, "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", request],
        ["openssl", "x509", "-req", "-days", "2", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial",
         "-extfile", str(extensions), "-out", chain],
    ):  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
    return Certificate(ca, chain, key)
