"""PostgreSQL's errors as sentences that say what, where and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg

from scanner.core.errors import SinkError
from scanner.core.safe_text import mask_secrets

_WAYS_OUT: Mapping[str, str] = {
    "22P05": "use a database with the encoding UTF8",
    "25006": "name a server that takes writes (?target_session_attrs=read-write finds it among several hosts)",
    "25P03": "allow longer pauses in a transaction (?options=-cidle_in_transaction_session_timeout%3D0)",
    "3F000": "create the schema, or name another (?options=-csearch_path%3DNAME)",
    "42501": "grant this role SELECT, INSERT and DELETE on patches, nodes, targets and scans, or CREATE on the schema "
    "where they are missing",
    "53100": "make room on the server",
    "57014": "allow longer statements (?options=-cstatement_timeout%3D0)",
}
"""SQLSTATE -> what to do, see https://www.postgresql.org/docs/current/errcodes-appendix.html"""
_ANY_WAY_OUT = "put that right"
AND_THEN = "patchsweep publish sends a stored scan again"
"""How every sentence ends, also where there is no scan yet."""


@contextmanager
def as_sink_error(url: str) -> Iterator[None]:
    """Turn an error of the database at `url` into a `SinkError`."""
    try:
        yield
    except psycopg.Error as error:
        remedy = _WAYS_OUT.get(error.sqlstate or "", _ANY_WAY_OUT)
        what = f"cannot add a scan to {mask_secrets(url)}: {cause(error, url)}"
        raise SinkError(f"{what}; {remedy}; {AND_THEN}") from error


def cause(error: Exception, url: str) -> str:
    """What the server, libpq or Python says, on one line and without the URL's secrets."""
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    said = primary or str(error).partition("\n")[0] or type(error).__name__
    return mask_secrets(said, secrets_of=url)
