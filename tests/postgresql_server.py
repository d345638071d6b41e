"""A PostgreSQL server of the tests' own, on 127.0.0.1 and with TLS, whose data do not last."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

ADMIN = "admin"
PASSWORD = "hush-admin"
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
max_connections = 20
ssl = on
ssl_cert_file = '../certificate.pem'
ssl_key_file = '../key.pem'
"""
_CERTIFICATE = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"]
_CERTIFICATE += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
_CERTIFICATE += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]


class Server:
    """A server that is up, and its administrator's ways in. Wrong passwords are refused."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.certificate = folder / "certificate.pem"
        self._numbers = count()

    def url(self, database: str, user: str = ADMIN, password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self, options: str = "") -> Iterator[str]:
        """The URL of an empty database; `options` are those of CREATE DATABASE."""
        name = f"scans_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} {options}")
            yield self.url(name)
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def role(self, name: str, password: str) -> Iterator[None]:
        """A role that may log in and owns nothing."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
            )
            yield
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server, and stop it at the end. It refuses to run as root, so root runs it as a user that can do less."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="patchsweep-postgresql-") as name:
        folder = Path(name)
        data = folder / "data"
        (folder / "password").write_text(PASSWORD)
        if os.getuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, *_unprivileged())
        admin = ["--username", ADMIN, "--pwfile", folder / "password", "--auth", "scram-sha-256"]
        _run(programs / "initdb", "--pgdata", data, *admin, "--encoding", "UTF8", "--locale", "C", "--no-sync")
        _run(*_CERTIFICATE, "-keyout", folder / "key.pem", "-out", folder / "certificate.pem")
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)
        port = _free_port()
        control = [programs / "pg_ctl", "--pgdata", data, "--wait", "--silent"]
        _run(*control, "--log", folder / "log", "--options", f"-p {port}", "start")
        try:
            yield Server(port, folder)
        finally:
            _run(*control, "--mode", "immediate", "stop")


def _programs() -> Path:
    """Where the newest PostgreSQL has its programs: Debian keeps them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    program = found[-1] if found else shutil.which("initdb")
    assert program, "these tests need a PostgreSQL server: apt-get install postgresql"
    return Path(program).parent


def _unprivileged() -> tuple[int, int]:
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return user.pw_uid, user.pw_gid


def _run(*command: object) -> None:
    user, group = _unprivileged() if os.getuid() == 0 else (None, None)
    done = subprocess.run(
        list(map(str, command)),
        user=user,
        group=group,
        extra_groups=[] if user else None,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
