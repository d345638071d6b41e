"""What commands print: data and tables on stdout, messages on stderr.

Escaping is decided here and nowhere else. A terminal gets text in which nothing is obeyed; files and pipes get the data
unchanged, as UTF-8 whatever the locale. Tables and messages are for people in both cases.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import pairwise
from typing import BinaryIO, Literal, cast

from scanner.cli.standard_streams import StandardOutputError
from scanner.core.errors import ConfigError, PatchsweepError
from scanner.core.safe_text import mask_foreign_text, terminal_json, terminal_lines, terminal_text
from scanner.core.settings import Settings

Level = Literal["info", "warning", "error"]
_LOG_FORMAT_OPTION = "--log-format"

messages_are_json: ContextVar[bool] = ContextVar("messages_are_json", default=False)
#: Messages below `error` are not printed: `--quiet`.
errors_only: ContextVar[bool] = ContextVar("errors_only", default=False)


def print_data(data: str | bytes) -> None:
    """Writes data on stdout: text as UTF-8, bytes as they are; on a terminal control characters are escaped.

    Raises:
        OSError: stdout cannot be written; `StandardOutputError` in a process of our own.
        PatchsweepError: as above, where stdout was replaced.
    """
    text = data if isinstance(data, str) else data.decode(errors="backslashreplace")
    if sys.stdout.isatty():
        print_text(terminal_lines(text))
    else:
        _write(text.encode(errors="backslashreplace") if isinstance(data, str) else data)


def print_lines(lines: Iterable[str]) -> None:
    """Writes lines for people on stdout; raises as `print_data` does."""
    print_text("".join(f"{line}\n" for line in lines))


def print_text(text: str) -> None:
    """Writes text for people, its outside parts escaped already; what the character set lacks becomes an escape."""
    _write(text.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))


def _write(data: bytes) -> None:
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except (BrokenPipeError, StandardOutputError):
        raise
    except OSError as error:
        raise PatchsweepError(f"standard output cannot be written: {error.strerror or error}") from error


def data_stdout() -> BinaryIO:
    """Returns standard output for a sink that writes lines of JSON there, escaped where a terminal would obey them."""
    return cast("BinaryIO", _TerminalBytes()) if sys.stdout.isatty() else sys.stdout.buffer


def writes_to_stdout(settings: Settings) -> bool:
    """Returns whether a sink writes its rows on stdout."""
    return any(sink.endswith(":-") for sink in settings.sinks)


def check_stdout_is_free(settings: Settings) -> None:
    """Raises `ConfigError` where a sink writes to stdout beside a JSON object: no program could read either."""
    if writes_to_stdout(settings):
        raise ConfigError("--format json: a sink writes to stdout, too; give that sink a file or folder instead of -")


class _TerminalBytes:
    """The part of a binary file that sinks use, in front of a terminal."""

    def write(self, data: bytes | memoryview) -> int:
        print_data(bytes(data))
        return len(data)

    def flush(self) -> None:
        sys.stdout.flush()

    def fileno(self) -> int:
        return sys.stdout.fileno()

    def isatty(self) -> bool:
        return True


def print_error(text: str) -> None:
    """Prints each line on stderr, after the command's name; a JSON line where logs are JSON."""
    print_message(text, "error")


def print_note(text: str) -> None:
    """Prints what is not an error on stderr, unless `--quiet` is given."""
    if not errors_only.get():
        print_message(text, "info")


def print_message(text: str, level: Level, **fields: object) -> None:
    """Prints a message with secrets masked, whatever it quotes."""
    text = mask_foreign_text(text)
    if messages_are_json.get():
        masked = {name: mask_foreign_text(value) if isinstance(value, str) else value for name, value in fields.items()}
        _write_error(json_message(level, text, masked))
        return
    for line in text.splitlines():
        _write_error(f"patchsweep: {terminal_text(line)}")


def json_message(level: Level, text: str, fields: Mapping[str, object]) -> str:
    """Returns one line in the form of the JSON log."""
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"timestamp": at, "level": level, "event": "message", "message": text, **fields})


def print_json_line(line: str) -> None:
    """Prints a line of JSON for another program on stderr, whatever the form of the log; `--quiet` does not hide it."""
    _write_error(terminal_json(line))


def _write_error(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def asks_for_json_logs(argv: Sequence[str]) -> bool:
    """Returns whether options or environment name JSON logs, read before the command line is known to be right."""
    values = [after for word, after in pairwise(argv) if word == _LOG_FORMAT_OPTION]
    values += [word.partition("=")[2] for word in argv if word.startswith(f"{_LOG_FORMAT_OPTION}=")]
    named = values[-1] if values else os.environ.get("PATCHSWEEP_LOG_FORMAT", "")
    return named.lower() == "json"
