"""`patchsweep scans forget`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import click
from msgspec import convert

from scanner.cli import options
from scanner.cli.exit_codes import ExitCode
from scanner.cli.json_document import print_document, table_or_json_option
from scanner.cli.latest_options import settings_of_reader
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, section
from scanner.cli.output import data_stdout, print_error, print_lines
from scanner.core.errors import ConfigError

if TYPE_CHECKING:
    from scanner.app import ForgetReport


RULE_MEMBERS = {
    "keep-last": "last",
    "keep-daily": "daily",
    "keep-weekly": "weekly",
    "keep-monthly": "monthly",
    "older-than": "older_than_days",
}
_F = TypeVar("_F", bound=Callable[..., object])

RULES = {
    "keep-last": "The newest N scans.",
    "keep-daily": "The newest scan of each of the last N days that have one.",
    "keep-weekly": "The newest scan of each of the last N weeks that have one.",
    "keep-monthly": "The newest scan of each of the last N months that have one.",
    "older-than": "Whatever is younger; alone: remove all that is older.",
}


def _rule_options(command: _F) -> _F:
    for name, text in reversed(RULES.items()):
        command = click.option(
            f"--{name}",
            type=click.IntRange(min=1),
            metavar="DAYS" if name == "older-than" else "N",
            cls=Sectioned,
            section="What to keep",
            help=text,
        )(command)
    return command


@click.command("forget", cls=SectionedCommand, short_help="Remove scans that no rule keeps.")
@_rule_options
@click.option(
    "--dry-run", is_flag=True, cls=Sectioned, section="Run", help="Show what would be removed; remove nothing."
)
@click.option(
    "--prune-sinks",
    is_flag=True,
    cls=Sectioned,
    section="Run",
    help="Remove the scans from the sinks of the settings too, first from there.",
)
@section("Run", {**options.STORE, **options.SINKS})
@table_or_json_option
@options.log_options
@options.config_option
@click.pass_obj
def forget(
    app: AppLoader,
    /,
    *,
    dry_run: bool,
    prune_sinks: bool,
    as_json: bool,
    config: str | None,
    **given: object,
) -> int:
    """Remove the scans that no rule keeps; a scan stays that any rule keeps.

    Scans of each scope and filters are counted by themselves, and the newest
    of each always stays: it carries since when patches are missing. Exit code
    3 if a sink still has a scan that was to go; that scan stays in the store.
    """
    from scanner.store.retention import KeepRules

    chosen = {member: given.pop(name.replace("-", "_")) for name, member in RULE_MEMBERS.items()}
    rules = convert({member: count for member, count in chosen.items() if count is not None}, KeepRules)
    settings = settings_of_reader(config, given)
    if rules.say_nothing:
        raise ConfigError(f"say what to keep, with one of {', '.join(f'--{name}' for name in RULES)}")
    run = partial(app().run_forget, settings, rules, dry_run=dry_run, prune_sinks=prune_sinks, stdout=data_stdout())
    report = anyio.run(run)
    if as_json:
        print_document(
            dry_run=dry_run, decisions=report.decisions, removed=report.removed, sink_failures=report.sink_failures
        )
    else:
        print_lines(_lines(report, dry_run=dry_run))
    for scan_id, failures in report.sink_failures.items():
        for sink, reason in failures.items():
            print_error(f"{scan_id} was kept, because it could not be removed from the sink {sink}: {reason}")
    return ExitCode.PARTIAL if report.sink_failures else ExitCode.COMPLETE


def _lines(report: ForgetReport, *, dry_run: bool) -> list[str]:
    from scanner.reports.lines import counted

    lines = []
    for decision in report.decisions:
        if decision.is_kept:
            lines.append(f"keep    {decision.scan_id}  {', '.join(decision.reasons)}")
        elif dry_run or decision.scan_id in report.removed:
            lines.append(f"remove  {decision.scan_id}")
        elif decision.scan_id not in report.sink_failures:
            lines.append(f"keep    {decision.scan_id}  another process is using it")
    doomed = sum(not decision.is_kept for decision in report.decisions)
    what = (
        f"{counted(doomed, 'scan')} would be removed" if dry_run else f"{counted(len(report.removed), 'scan')} removed"
    )
    return [*lines, what]
