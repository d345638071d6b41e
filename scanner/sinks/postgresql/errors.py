"""PostgreSQL's errors as sentences that say what, where and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg

from scanner.core.safe_text import mask_secrets
from scanner.core.tables import TABLE_NAMES
from scanner.sinks.errors import as_sink_error

#: SQLSTATE -> what to do, see https://www.postgresql.org/docs/current/errcodes-appendix.html
_REMEDIES: Mapping[str, str] = {
    "22P05": "use a database with the encoding UTF8",
    "25006": "name a server that takes writes (?target_session_attrs=read-write finds it among several hosts)",
    "25P03": "allow longer pauses in a transaction (?options=-cidle_in_transaction_session_timeout%3D0)",
    "3F000": "create the schema, or name another (?options=-csearch_path%3DNAME)",
    "42501": f"grant this role SELECT, INSERT and DELETE on {TABLE_NAMES}, or CREATE on the schema "
    "where they are missing",
    "53100": "make room on the server",
    "57014": "allow longer statements (?options=-cstatement_timeout%3D0)",
}
_ANY_REMEDY = "correct that"
#: How every sentence ends, also where there is no scan yet.
AND_THEN = "patchsweep publish sends a stored scan again"


@contextmanager
def database_errors(url: str) -> Iterator[None]:
    """Turns an error of the database at `url` into a `SinkError` with what to do."""

    def sentence(error: psycopg.Error) -> str:
        remedy = _REMEDIES.get(error.sqlstate or "", _ANY_REMEDY)
        return f"cannot add a scan to {mask_secrets(url)}: {cause(error, url)}; {remedy}; {AND_THEN}"

    with as_sink_error(psycopg.Error, sentence):
        yield


def cause(error: Exception, url: str) -> str:
    """Returns what the server, libpq or Python says, on one line and without the URL's secrets."""
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    message = primary or str(error).partition("\n")[0] or type(error).__name__
    return mask_secrets(message, secrets_of=url)
