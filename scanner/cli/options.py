"""The options of the commands: one decorator a setting, help in sections, and the way from options to settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import click

from scanner.cli.completion import complete_file, completer_of
from scanner.cli.output import messages_are_json
from scanner.cli.settings.keys import KEYS, Key
from scanner.cli.settings.load import load
from scanner.cli.verbosity import VERBOSITY, apply_level, by_key
from scanner.core.comparable import DEMO_ACCOUNTS
from scanner.core.errors import ConfigError
from scanner.core.settings import Settings

_F = TypeVar("_F", bound=Callable[..., object])
_DEFAULTS = Settings()
_GROUPS = "tag:KEY, ou, account, region, os or patch_group"
_COLUMN = len("--progress / --no-progress")


class Sectioned(click.Option):
    """An option that stands under a heading of the help text."""

    def __init__(self, *args: object, section: str, **attributes: object) -> None:
        super().__init__(*args, **attributes)  # type: ignore[arg-type]  # click's many keywords pass through
        self.section = section


class SectionedCommand(click.Command):
    """A command whose help text groups its options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        last: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if isinstance(parameter, click.Option) and record is not None:
                title = getattr(parameter, "section", None)
                (sections.setdefault(title, []) if title else last).append(record)
        for title, records in (sections | {"Other": last}).items():
            with formatter.section(title):
                # Every section in the same two columns.
                formatter.write_dl([(names.ljust(_COLUMN), text) for names, text in records], col_max=_COLUMN)


def section(title: str, options: dict[str, tuple[str, str]], *, shows_defaults: bool = True) -> Callable[[_F], _F]:
    """Decorates a command with settings as options: dotted key to (metavar, help)."""

    def decorate(command: _F) -> _F:
        for path, (metavar, help_text) in reversed(options.items()):
            key = KEYS[path]
            text = help_text + (_default_text(key) if shows_defaults else "")
            command = _option(key, title, metavar, text)(command)
        return command

    return decorate


def _option(key: Key, title: str, metavar: str, text: str) -> Callable[[_F], _F]:
    name = key.path.replace(".", "__")
    if key.kind == bool | None:
        flag = f"{key.option}/--no-{key.option.removeprefix('--')}"
        return click.option(flag, name, cls=Sectioned, section=title, default=None, help=text)
    multiple = key.is_repeatable
    return click.option(
        key.option,
        name,
        cls=Sectioned,
        section=title,
        metavar=metavar,
        multiple=multiple,
        type=str,
        help=text,
        shell_complete=completer_of(key),
    )


def _default_text(key: Key) -> str:
    value: object = _DEFAULTS
    for name in key.path.split("."):
        value = getattr(value, name)
    if value in (None, (), {}):
        return ""
    shown = ",".join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else value
    return f"  [default: {shown}]"


SCOPE: dict[str, tuple[str, str]] = {
    "scope.accounts": ("LIST", "current, organization, or account ids."),
    "scope.exclude_accounts": ("IDS", "Accounts to leave out."),
    "scope.ous": ("IDS", "Only accounts below these units (ou-…) or roots (r-…) of the organization."),
    "scope.exclude_ous": ("IDS", "Units whose accounts to leave out."),
    "scope.regions": ("LIST", "current, enabled (asked per account), or Region names."),
    "scope.exclude_regions": ("NAMES", "Regions to leave out."),
    "scope.role_name": ("NAME", "Role to assume in every account but your own."),
    "scope.external_id": ("ID", "External id of that role; the variable keeps it out of process lists."),
    "nodes.tags": ("KEY=VALUE", "Only nodes with this tag; VALUE,VALUE for any of several. Repeatable."),
    "nodes.platform_types": ("LIST", "Only Windows, Linux or MacOS nodes."),
    "nodes.ping_statuses": ("LIST", "Only nodes that are Online, ConnectionLost or Inactive."),
}
PATCHES: dict[str, tuple[str, str]] = {
    "patches.states": ("LIST", "Only patches in these states, such as MISSING,FAILED: far fewer calls."),
    "patches.severities": ("LIST", "Only these severities, as AWS writes them: Critical,Important."),
    "patches.classifications": ("LIST", "Only these classifications: Security,SecurityUpdates."),
    "patches.kb_ids": ("LIST", "Only these KB ids or package names."),
    "patches.not_applicable": ("", "List patches that do not apply, too.  [default: in all modes but lean]"),
}
COVERAGE: dict[str, tuple[str, str]] = {
    "coverage.ec2": ("USE", "EC2: unmanaged and stopped machines, tags; auto, off or required."),
    "coverage.inventory": ("USE", "SSM Inventory: stopped nodes."),
    "coverage.associations": ("USE", "Associations: counts of nodes without patch data."),
    "coverage.tags": ("USE", "Tags of hybrid nodes."),
    "coverage.baselines": ("USE", "Patch baselines."),
    "coverage.unmanaged": ("HOW", "report unmanaged machines, or count each as a gap (exit code 3)."),
    "nodes.tag_keys": ("KEYS", "Deliver only tags with these keys, since values may hold secrets."),
}
SPEED: dict[str, tuple[str, str]] = {
    "limits.rate_per_s": ("N", "Calls a second to begin with, per account, Region and operation."),
    "limits.max_rate_per_s": ("N", "Calls a second it may rise to."),
    "limits.max_in_flight": ("N", "Requests under way at once, in all."),
}
MODE = ("MODE", "full; delta: read only nodes whose patch state changed; lean: read only what is lacking.")
STORE: dict[str, tuple[str, str]] = {
    "store.location": ("PLACE", "Where scans are kept: a folder or s3://bucket/prefix."),
    "store.kms_key_id": ("KEY", "S3: KMS key that encrypts what is written: id, alias or ARN."),
    "store.acl": ("ACL", "S3: canned ACL of what is written, such as bucket-owner-full-control."),
    "store.expected_bucket_owner": ("ID", "S3: refuse a bucket that another account owns."),
}
VIEWS: dict[str, tuple[str, str]] = {
    "views.memory_mb": ("MB", "Memory for tables; what is larger goes to a temporary folder."),
    "views.spill_folder": ("FOLDER", "That folder, on a disk with room."),
}
STALE: dict[str, tuple[str, str]] = {
    "stale_after_days": ("DAYS", "Treat a node as unknown whose patch data is older than this."),
}
FEEDS: dict[str, tuple[str, str]] = {
    "feeds.kev": ("FILE", "CISA's catalogue of known exploited vulnerabilities: JSON or CSV."),
    "feeds.epss": ("FILE", "EPSS scores: csv.gz or csv."),
    "feeds.msrc": ("FILE", "MSRC CVRF documents: JSON, a folder or an archive of them. Repeatable."),
    "feeds.osv": ("FILE", "OSV records of Ubuntu and Debian: JSON, a folder or an archive. Repeatable."),
}
#: The feeds that say which patch fixes which CVE.
FEEDS_OF_FIXES = {key: FEEDS[key] for key in ("feeds.msrc", "feeds.osv")}
FEEDS_OF_CHECK = {"feeds.kev": FEEDS["feeds.kev"], **FEEDS_OF_FIXES}
#: The feeds that say how urgent a CVE is.
FEEDS_OF_CVES = {key: FEEDS[key] for key in ("feeds.kev", "feeds.epss")}
CHECK: dict[str, tuple[str, str]] = {
    "check.max_age": ("LIMITS", "How long patches may be missing: Critical=14d,Important=30d; * for every other one."),
    "check.clock": ("CLOCK", "patch, or package: the age of the package in any version."),
    "check.max_unread": ("N", "How many machines may be without evidence."),
    "check.max_unmanaged": ("N", "How many machines may be unmanaged."),
    "check.waivers": ("FILE", "Exceptions with an end: TOML or CSV."),
}
SINKS: dict[str, tuple[str, str]] = {
    "sinks": ("SPEC", "Send results here too, as type:where (jsonl:-, csv:DIR, …). Repeatable."),
}
ANNOUNCE: dict[str, tuple[str, str]] = {
    "notify.to": ("WHERE", "Send the summary here: sns:ARN, eventbridge:BUS, webhook:URL or slack:URL. Repeatable."),
    "notify.when": ("WHEN", "always, or problems: not for a scan that ends with 0."),
    "metrics.to": ("WHERE", "Give numbers here: emf, emf:FILE, prometheus:FILE or otel. Repeatable."),
}
LOG: dict[str, tuple[str, str]] = {
    "log_format": ("FORMAT", "auto, console or json; auto is console on a terminal."),
    "log_level": ("LEVEL", "debug, info, warning or error."),
}


def verbosity_options(command: _F) -> _F:
    """Adds `--quiet` and `--verbose`, short forms of two log levels."""
    for names, level, text in (
        (("-v", "--verbose"), "debug", "Show debug messages, and what libraries warn of."),
        (("-q", "--quiet"), "warning", "Show warnings and errors only: no progress, no summary."),
    ):
        command = click.option(
            *names, VERBOSITY, flag_value=level, default=None, cls=Sectioned, section="Output", help=text
        )(command)
    return command


def log_options(command: _F) -> _F:
    """Adds `--log-format`, `--log-level`, `--quiet` and `--verbose`: what stderr shows, and how."""
    return section("Output", LOG)(verbosity_options(command))


def by_option(text: str) -> Callable[[_F], _F]:
    """Returns what adds `--by GROUP`, handed to the command as `by`; the groups are those of `reports.grouping`."""
    return click.option("--by", metavar="GROUP", cls=Sectioned, section="Output", help=f"{text}: {_GROUPS}.")


def split_by_option(text: str) -> Callable[[_F], _F]:
    """Returns what adds `--split-by GROUP`, handed to the command as `split_by`."""
    return click.option("--split-by", metavar="GROUP", cls=Sectioned, section="Output", help=text)


def config_option(command: _F) -> _F:
    """Adds `--config FILE`; its variable is `PATCHSWEEP_CONFIG`."""
    text = "TOML file with settings; see config/patchsweep.toml."
    return click.option("--config", metavar="FILE", help=text, shell_complete=complete_file)(command)


def settings_of(
    config: str | None,
    options: dict[str, object],
    *,
    demo: bool = False,
    assumed: Mapping[str, object] = MappingProxyType({}),
) -> Settings:
    """Returns the settings of this process with these options, as click names them, on top.

    Where nothing is set, `assumed` is taken, by dotted key, and what a demonstration needs.

    Raises:
        ConfigError: All that is wrong, a line each.
    """
    check_working_folder()
    settings = load(config, os.environ, by_key(options), _demo_scope() if demo else assumed)
    messages_are_json.set(settings.log_format == "json")
    apply_level(settings)
    return settings


def check_working_folder() -> None:
    """Raises `ConfigError` where the folder that the process runs in was removed: no relative path means anything."""
    try:
        Path.cwd()
    except OSError as error:
        raise ConfigError("the working folder does not exist any more; change to another one with `cd`") from error


def _demo_scope() -> dict[str, object]:
    """Returns what a demonstration takes where nothing else is set, so that it passes the checks of an organization."""
    from scanner.simulator.world.organization import DEFAULT_ROLE

    return {"scope.accounts": DEMO_ACCOUNTS, "scope.role_name": DEFAULT_ROLE}
