"""How much a command says on stderr: the options of the log, and what follows from them."""

from __future__ import annotations

import sys

from scanner.cli.output import errors_only
from scanner.cli.settings.load import load
from scanner.core.settings import Settings

VERBOSITY = "verbosity"  # the parameter of --quiet and --verbose, short forms of two log levels


def by_key(options: dict[str, object]) -> dict[str, object]:
    """Returns the options, as click names them, by the dotted keys of their settings."""
    given = {name.replace("__", "."): value for name, value in options.items()}
    verbosity = given.pop(VERBOSITY, None)
    if given.get("log_level") is None:
        given["log_level"] = verbosity
    return given


def apply_level(settings: Settings) -> None:
    """Silences notes where the level asks for it, and shows what libraries log at level debug."""
    errors_only.set(is_quiet(settings))
    if settings.log_level == "debug":
        from scanner.cli.log_setup import configure

        configure(settings.log_format, terminal=sys.stderr.isatty(), level="debug")


def apply_log_options(options: dict[str, object]) -> None:
    """Applies the options of the log for a command that needs no setting, so that no other setting can fail it.

    The format itself was read before the command line was parsed; a wrong one is refused here.

    Raises:
        ConfigError: the value of an option is not one of those that it takes.
    """
    apply_level(load(None, {}, by_key(options)))


def is_quiet(settings: Settings) -> bool:
    """Returns whether progress, summary and notes are not wanted."""
    return settings.log_level in {"warning", "error"}
