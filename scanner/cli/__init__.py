"""The command `patchsweep`: arguments in, exit code out."""

from __future__ import annotations

from collections.abc import Sequence

import click

from scanner.cli.commands import patchsweep
from scanner.cli.failures import failed, misused
from scanner.cli.load_app import AppLoader, load_app
from scanner.cli.output import say

ENDED_BY_CTRL_C = 130


def main(argv: Sequence[str] | None = None, *, app: AppLoader = load_app) -> int:
    """Run one command; `argv` is what follows the command's name, None for that of the process.

    Returns:
        0 complete, 1 failed, 2 wrong usage or configuration, 3 partial, 128 + n ended by signal n.
    """
    try:
        code = patchsweep.main(argv, "patchsweep", standalone_mode=False, obj=app)
    except click.exceptions.Abort as abort:
        # click ends this way for Ctrl-C, and for an EOFError from anywhere, which is a fault and not to be silent.
        if isinstance(abort.__cause__, EOFError):
            return failed(abort.__cause__)
        say("stopped by Ctrl-C")
        return ENDED_BY_CTRL_C
    except click.ClickException as error:
        return misused(error)
    except SystemExit as stop:
        # click ends this way, quietly, when the reader of stdout has gone.
        return stop.code if isinstance(stop.code, int) else 1
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the last resort: our own bugs end here
        return failed(error)
    return code if isinstance(code, int) else 0
