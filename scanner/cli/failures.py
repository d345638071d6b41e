"""How a command that did not work ends: sentences on stderr and an exit code."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import click

from scanner.cli.output import say
from scanner.core.errors import ConfigError, Interrupted, PatchsweepError, ScanNotFound

FAILED = 1
MISUSED = 2

OUR_FAULT = (
    "stopped by a fault in patchsweep itself, shown below; what the store holds stays, "
    "and a scan goes on from there with: patchsweep scan --resume"
)


def misused(error: click.ClickException) -> int:
    """A wrong command line: one sentence, and where to read more."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return MISUSED
    context = error.ctx if isinstance(error, click.UsageError) else None
    text = error.format_message().rstrip(".")
    # Where click names no command, its parser stumbled over the words of one.
    say(f"{text}; see: {context.command_path if context else 'patchsweep COMMAND'} --help")
    return error.exit_code


def failed(error: BaseException) -> int:
    """Any other end: a sentence for each thing a user or AWS did, a traceback for our own bugs."""
    causes = list(_leaves(error))
    if not all(isinstance(cause, PatchsweepError) for cause in causes):
        say(OUR_FAULT)
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
        return FAILED
    for text in dict.fromkeys(map(str, causes)):
        say(text)
    return max(map(_exit_code, causes))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _exit_code(error: BaseException) -> int:
    if isinstance(error, Interrupted):
        return 128 + error.signal_number
    return MISUSED if isinstance(error, (ConfigError, ScanNotFound)) else FAILED
