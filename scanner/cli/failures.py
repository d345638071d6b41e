"""Turns the error that ended a command into sentences on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Iterator

import click

from scanner.cli.exit_codes import ExitCode, error_exit_code
from scanner.cli.output import messages_are_json, print_error, print_message
from scanner.cli.standard_streams import StandardOutputError
from scanner.core.errors import ConfigError, PatchsweepError
from scanner.core.safe_text import mask_foreign_text

CRASHED = "patchsweep crashed; the traceback follows. Stored results are kept; continue with: patchsweep scan --resume"


def print_usage_error(error: click.ClickException) -> int:
    """Prints what is wrong with a command line in one sentence, and where to read more."""
    is_bare = isinstance(error, click.exceptions.NoArgsIsHelpError)
    if is_bare and not messages_are_json.get():
        error.show()
        return ExitCode.WRONG_USAGE
    context = error.ctx if isinstance(error, click.UsageError) else None
    text = "name a command" if is_bare else error.format_message().rstrip(".")
    # The parser names no command where it failed on the words of one.
    print_error(f"{text}; see: {context.command_path if context else 'patchsweep COMMAND'} --help")
    return error.exit_code


def print_failure(error: BaseException) -> int:
    """Prints a sentence for each thing a user or AWS did, and a traceback for our own bugs; gives the exit code."""
    causes = list(_leaves(error))
    if not all(isinstance(cause, (PatchsweepError, StandardOutputError)) for cause in causes):
        _print_crash(error)
        return ExitCode.FAILED
    for text in error_sentences(error):
        print_error(text)
    return failure_exit_code(error)


def error_sentences(error: BaseException) -> list[str]:
    """Returns a sentence for each cause, with secrets masked; of a bug only the kind of error it ended with."""
    causes = list(_leaves(error))
    if not all(isinstance(cause, (PatchsweepError, StandardOutputError)) for cause in causes):
        return [f"patchsweep crashed with {type(error).__name__}"]
    return [mask_foreign_text(text) for text in dict.fromkeys(filter(None, map(_sentence, causes)))]


def failure_exit_code(error: BaseException) -> int:
    """Returns the exit code of a command that this error ended."""
    return max(map(error_exit_code, _leaves(error)))


def _print_crash(error: BaseException) -> None:
    text = mask_foreign_text("".join(traceback.format_exception(error)))
    if messages_are_json.get():
        print_message(CRASHED, "error", exception=text)
        return
    click.echo(f"{CRASHED}\n{text.encode(errors='backslashreplace').decode()}", err=True, nl=False)


def _sentence(error: BaseException) -> str:
    if not isinstance(error, StandardOutputError):
        return str(error)
    # A reader that has gone, like `head`, has what it wanted.
    return "" if error.errno == errno.EPIPE else f"standard output cannot be written: {error.strerror or error}"


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield _of_a_setting(error)


def _of_a_setting(error: BaseException) -> BaseException:
    """Returns the error, or what it means where Python's TLS cannot write the file of SSLKEYLOGFILE.

    Any import of a library for HTTPS may meet that first.
    """
    file = os.environ.get("SSLKEYLOGFILE")
    if isinstance(error, OSError) and file and error.filename == file:
        return ConfigError(f"SSLKEYLOGFILE names {file!a}, which cannot be written: {error.strerror}; unset it")
    return error
