"""The command `patchsweep`: arguments in, exit code out."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import click

from scanner.cli.commands import patchsweep
from scanner.cli.exit_codes import ExitCode
from scanner.cli.failures import print_failure, print_usage_error
from scanner.cli.load_app import AppLoader, load_app
from scanner.cli.output import asks_for_json_logs, errors_only, messages_are_json, print_error


def main(argv: Sequence[str] | None = None, *, app: AppLoader = load_app) -> int:
    """Runs one command and returns its exit code, a value of `ExitCode`.

    Args:
        argv: What follows the command's name; None for the arguments of this process.
        app: Loads what the commands call; tests hand over one without AWS.
    """
    argv = sys.argv[1:] if argv is None else argv
    _silence_libraries()
    messages_are_json.set(asks_for_json_logs(argv))
    errors_only.set(False)
    try:
        code = patchsweep.main(argv, "patchsweep", standalone_mode=False, obj=app)
    except click.exceptions.Abort as abort:
        # click raises this for Ctrl-C and for an EOFError from anywhere, which is a bug and must not be silent.
        if isinstance(abort.__cause__, EOFError):
            return print_failure(abort.__cause__)
        print_error("stopped by Ctrl-C")
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        return print_usage_error(error)
    except SystemExit as stop:
        # click exits, without a word, when the reader of stdout has gone.
        return stop.code if isinstance(stop.code, int) else ExitCode.FAILED
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the last resort: our own bugs end here
        return print_failure(error)
    return code if isinstance(code, int) else ExitCode.COMPLETE


def _silence_libraries() -> None:
    """Keeps what libraries log off stderr until a command sets up its log.

    Without any handler Python prints warnings, and botocore warns with a traceback of an SSO token that has expired,
    which the command itself reports in one sentence.
    """
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())
