"""`patchsweep config`: show and validate."""

from __future__ import annotations

import os

import click
from msgspec import to_builtins

from scanner.cli import options
from scanner.cli.exit_codes import ExitCode
from scanner.cli.json_document import print_document, table_or_json_option
from scanner.cli.options import Sectioned, SectionedCommand, check_working_folder
from scanner.cli.output import print_lines
from scanner.cli.settings.keys import KEYS
from scanner.cli.settings.load import Loaded, load_with_origins
from scanner.cli.verbosity import apply_log_options
from scanner.core.errors import ConfigError
from scanner.core.safe_text import MASK, mask_destination, mask_secrets
from scanner.core.settings import Settings

DEFAULT = "default"


@click.group("config", cls=click.Group)
def command() -> None:
    """Show and check the settings that a scan would have here."""


@command.command("show", cls=SectionedCommand, short_help="Show every setting in force.")
@click.option("--origin", "origin", is_flag=True, cls=Sectioned, section="Output", help="Show where each comes from.")
@table_or_json_option
@options.log_options
@options.config_option
def show(*, origin: bool, as_json: bool, config: str | None, **given: object) -> int:
    """Show every setting in force, from the file, the PATCHSWEEP_ variables and
    the defaults; secrets are masked.
    """  # noqa: D205 - click shows the first paragraph as one
    apply_log_options(given)
    loaded = _load(config)
    values = shown_values(loaded.settings)
    if as_json:
        origins = {path: loaded.origins.get(path, DEFAULT) for path in values}
        print_document(settings=values, **({"origins": origins} if origin else {}))
        return ExitCode.COMPLETE
    from scanner.cli.styled import table_width
    from scanner.reports.lines import aligned

    rows = [(path, _text(value), loaded.origins.get(path, DEFAULT)) for path, value in values.items()]
    header = ("setting", "value", "origin")
    width = 3 if origin else 2
    print_lines(aligned([row[:width] for row in rows], header[:width], table_width()))
    return ExitCode.COMPLETE


@command.command("validate", cls=SectionedCommand, short_help="Check the settings without a scan.")
@table_or_json_option
@options.log_options
@options.config_option
def validate(*, as_json: bool, config: str | None, **given: object) -> int:
    """Check the file and the PATCHSWEEP_ variables without calling AWS.

    Prints every problem and ends with exit code 2, or prints OK.
    """
    apply_log_options(given)
    if not as_json:
        _load(config)
        print_lines(["OK"])
        return ExitCode.COMPLETE
    problems = _problems(config)
    code = ExitCode.WRONG_USAGE if problems else ExitCode.COMPLETE
    print_document(is_valid=not problems, problems=problems, exit_code=code.value)
    return code


def _problems(config: str | None) -> list[str]:
    try:
        _load(config)
    except ConfigError as error:
        return str(error).splitlines()
    return []


def _load(config: str | None) -> Loaded:
    check_working_folder()
    return load_with_origins(config, os.environ, {})


def shown_values(settings: Settings) -> dict[str, object]:
    """Returns the value of each setting by its dotted key, secrets masked."""
    members = to_builtins(settings)
    members["sinks"] = [mask_secrets(sink) for sink in settings.sinks]
    members["notify"]["to"] = [mask_destination(destination) for destination in settings.notify.to]
    members["notify"]["webhook_secret"] = settings.notify.webhook_secret and MASK
    members["scope"]["external_id"] = settings.scope.external_id and MASK
    values: dict[str, object] = {}
    for path in KEYS:
        section, _, name = path.rpartition(".")
        values[path] = (members[section] if section else members)[name]
    return values


def _text(value: object) -> str:
    if value is None or value in ((), [], {}):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "; ".join(f"{name}={','.join(values)}" for name, values in value.items())
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
