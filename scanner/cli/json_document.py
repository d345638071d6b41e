"""`--format json` of commands that print a table: one versioned JSON object on stdout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import click

from scanner.cli.options import Sectioned
from scanner.cli.output import print_data
from scanner.core.safe_text import terminal_json

#: Of every document: raised when a member is renamed, removed or means something else; new members do not raise it.
SCHEMA_VERSION = 1

_F = TypeVar("_F", bound=Callable[..., object])


def table_or_json_option(command: _F) -> _F:
    """Adds `--format table|json`, handed to the command as `as_json`."""
    return click.option(
        "--format",
        "as_json",
        type=click.Choice(["table", "json"]),
        default="table",
        callback=lambda _context, _parameter, value: value == "json",
        cls=Sectioned,
        section="Output",
        help="table, or json: one object with a schema_version.  [default: table]",
    )(command)


def print_document(**members: object) -> None:
    """Prints one JSON object; structs become objects, names as in the code, times are epoch milliseconds."""
    import msgspec

    data = msgspec.json.encode({"schema_version": SCHEMA_VERSION, **members}, order="deterministic")
    print_data(terminal_json(msgspec.json.format(data, indent=2).decode()) + "\n")


def document_head(name: str) -> str:
    """Returns the beginning of such an object whose member `name` is an array that is printed next, piece by piece."""
    return f'{{\n  "schema_version": {SCHEMA_VERSION},\n  "{name}": '


def document_end(members: Mapping[str, object]) -> str:
    """Returns the rest of the object after that array: further members."""
    import msgspec

    data = msgspec.json.format(msgspec.json.encode(members, order="deterministic"), indent=2).decode()
    inner = data.removeprefix("{").removesuffix("}").rstrip()
    return terminal_json(f",{inner}\n}}\n" if members else "\n}\n")
