"""Reads exceptions from a policy: what they match, why, who approved them, and until when they hold."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date

from msgspec import Struct

from scanner.core.did_you_mean import did_you_mean
from scanner.core.errors import ConfigError
from scanner.core.safe_text import terminal_text

CONDITIONS = ("account", "ou", "tag", "node", "kb_id", "cve")
_REQUIRED = ("reason", "approver", "expires")
_FIELDS = (*CONDITIONS, *_REQUIRED)
_FORMS = {
    "account": (re.compile(r"\d{12}"), "twelve digits, in quotes"),
    "ou": (re.compile(r"(?:ou|r|o)-[a-z0-9-]+"), "an id such as ou-ab12-cdef3456"),
    "tag": (re.compile(r"[^=]+=.*", re.DOTALL), "KEY=VALUE"),
    "cve": (re.compile(r"CVE-\d{4}-\d{4,19}"), "CVE-2026-12345"),
}


class Waiver(Struct, frozen=True, kw_only=True):
    """One exception. Every condition that it names has to hold; it ends with the day `expires`, in UTC."""

    number: int  # its place in the file, from 1
    reason: str
    approver: str
    expires: date
    account: str | None = None
    ou: str | None = None
    tag: str | None = None
    node: str | None = None
    kb_id: str | None = None
    cve: str | None = None

    @property
    def label(self) -> str:
        """Returns `waiver 2 (cve CVE-2026-12345, account 123456789012)`."""
        named = ((name, getattr(self, name)) for name in CONDITIONS)
        return f"waiver {self.number} ({', '.join(f'{name} {value}' for name, value in named if value is not None)})"


def read_waivers(data: bytes, source: str) -> tuple[Waiver, ...]:
    """Returns the exceptions in a CSV file with a header, or in a TOML file with tables `[[waivers]]`.

    Raises:
        ConfigError: the file is neither, or an exception is incomplete; it names the file and the exception.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source}: the waivers are not UTF-8 text; save the file as UTF-8") from error
    rows = _csv_rows(text, source) if source.lower().endswith(".csv") else _toml_rows(text, source)
    return tuple(_waiver(row, number, f"{source}: waiver {number}") for number, row in enumerate(rows, start=1))


def _toml_rows(text: str, source: str) -> Sequence[Mapping[str, object]]:
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{source}: the waivers are not valid TOML: {terminal_text(str(error))}") from error
    rows = document.pop("waivers", [])
    if document or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"{source}: write each waiver as a table [[waivers]], and nothing else")
    return rows


def _csv_rows(text: str, source: str) -> Sequence[Mapping[str, object]]:
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""), restkey="", strict=True)
        names = tuple(rows.fieldnames or ())
        if not {*_REQUIRED} <= {*names}:
            raise ConfigError(f"{source}: the first line has to name the columns {', '.join(_REQUIRED)} and conditions")
        for name in names:
            if name and names.count(name) > 1:  # the last one would hide the others, and an empty one their conditions
                raise ConfigError(f"{source}: the first line has the column {name!a} twice; keep one of them")
        return [{name: value for name, value in row.items() if value and value != " " * len(value)} for row in rows]
    except csv.Error as error:
        raise ConfigError(f"{source}: the waivers are not valid CSV: {error}") from error


def _waiver(row: Mapping[str, object], number: int, where: str) -> Waiver:
    for name in row:
        if name not in _FIELDS:
            raise ConfigError(f"{where}: there is no field {name!a}{did_you_mean(name, _FIELDS)}")
    texts = {name: _text(name, row[name], where) for name in row}
    for name in _REQUIRED:
        if not texts.get(name):
            raise ConfigError(f"{where}: {name} is missing")
    conditions = {name: texts[name] for name in CONDITIONS if name in texts}
    for name, text in conditions.items():
        if not text:  # a variable that a template left empty: without the condition the waiver would cover more
            raise ConfigError(f"{where}: {name} is empty; give it a value, or leave it out")
    if not conditions:
        raise ConfigError(f"{where}: it names no condition; give one of {', '.join(CONDITIONS)}")
    return Waiver(
        number=number,
        reason=texts["reason"],
        approver=texts["approver"],
        expires=_day(texts["expires"], where),
        **conditions,
    )


def _text(name: str, value: object, where: str) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {name} has to be a text, in quotes")
    text = value.strip().upper() if name == "cve" else value.strip()
    form, words = _FORMS.get(name, (None, ""))
    if text and form is not None and not form.fullmatch(text):
        raise ConfigError(f"{where}: {name} is {text!a} (expected {words})")
    return text


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{where}: expires is {text!a} (expected YYYY-MM-DD)") from error
