"""What commands print: data on stdout, sentences on stderr."""

from __future__ import annotations

import click

from scanner.core.errors import PatchsweepError
from scanner.core.safe_text import terminal_text


def put(text: str | bytes) -> None:
    """Text or the bytes of a file on stdout, as they are.

    Raises:
        BrokenPipeError: Its reader has gone.
        PatchsweepError: It cannot be written for another reason.
    """
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise PatchsweepError(f"standard output cannot be written: {error.strerror or error}") from error


def put_lines(lines: list[str]) -> None:
    """The lines on stdout; raises as `put` does."""
    put("".join(f"{line}\n" for line in lines))


def say(text: str) -> None:
    """Each line on stderr, after the command's name."""
    for line in text.splitlines():
        click.echo(f"patchsweep: {terminal_text(line)}", err=True)
