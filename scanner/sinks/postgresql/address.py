"""The URL of a database: looked at before the scan, and connected to when there is something to send."""

from __future__ import annotations

import os
import re

import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from scanner.core.errors import ConfigError, SinkError
from scanner.core.safe_text import mask_secrets
from scanner.sinks.postgresql.errors import AND_THEN, cause

_CONNECT_TIMEOUT_S = "10"
# libpq ends user and password at the first `@`: were another one meant, it would take the rest of a password for the
# host, and say so.
_URL = re.compile(r"postgresql://(?:[^/?#@]*@)?[^@]*\Z")


def check_url(url: str) -> None:
    """Checks a `postgresql://user:password@host:port/database?parameter=value`, as libpq takes it.

    Raises:
        ConfigError: libpq does not take it, or might take a part of the password for something else.
    """
    if not _URL.match(url):
        # It is not quoted: where the password ends in it is not sure.
        raise ConfigError(
            "the sink postgresql needs a URL like postgresql://user:password@host:5432/database?sslmode=require; "
            "inside its parts write %25 for %, %40 for @, %3A for :, %2F for /, %3F for ? and %23 for #"
        )
    try:
        conninfo_to_dict(url)
    except psycopg.Error as error:
        why = cause(error, url)
        # libpq quotes the part that it does not understand, which may be the password.
        raise ConfigError(f"the sink {mask_secrets(url)} is no URL that PostgreSQL takes: {why}") from None


async def connect(url: str) -> AsyncConnection:
    """Returns a connection with the settings of the URL, then those of libpq's variables and files.

    Raises:
        SinkError: the server cannot be reached, or refuses the connection.
    """
    given = conninfo_to_dict(url)
    defaults = {
        "connect_timeout": os.environ.get("PGCONNECT_TIMEOUT", _CONNECT_TIMEOUT_S),
        "fallback_application_name": "patchsweep",
    }
    missing = {name: value for name, value in defaults.items() if name not in given}
    try:
        # Nothing is prepared: a pooler between here and the server might lose it.
        # Rows are sent as UTF-8, whatever encoding the URL or a variable of libpq chooses for the connection.
        conninfo = make_conninfo(url, **missing, client_encoding="UTF8")
        connection = await AsyncConnection.connect(conninfo, prepare_threshold=None)
    except (psycopg.Error, UnicodeError) as error:  # UnicodeError: no host can have this name
        raise SinkError(
            f"cannot connect to {mask_secrets(url)}: {cause(error, url)}; "
            "check the address, the user and the password; "
            f"{AND_THEN}"
        ) from error
    # Who waited for a lock has to see what its holder committed, whatever the database's default is.
    await connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
    return connection
