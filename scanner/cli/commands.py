"""The table of commands; a command's module is imported when that command is called, and no sooner."""

from __future__ import annotations

from importlib import import_module

import click

from scanner import __version__
from scanner.cli.exit_codes import exit_codes_text
from scanner.core.did_you_mean import did_you_mean

COMMANDS = {
    "scan": "Read the patches of every node in scope into the store.",
    "begin": "Start a scan that several workers read.",
    "work": "Read one part of such a scan.",
    "finish": "Commit such a scan and send it to its sinks.",
    "plan": "Estimate nodes, calls and time of a scan; read no patches.",
    "doctor": "Check credentials, roles, permissions, store and sinks.",
    "query": "Query the store with SQL.",
    "cve": "Show the nodes that lack the fix for a CVE.",
    "check": "Hold a scan against a policy: overdue, unread, waived.",
    "feeds": "Show the vulnerability feeds that are named, with their dates.",
    "diff": "Show what changed between two scans.",
    "report": "Write an HTML report of a scan.",
    "scans": "List, verify and remove stored scans.",
    "publish": "Send a stored scan to sinks again.",
    "sinks": "Show the installed sinks.",
    "schema": "Show every table and column that a scan delivers.",
    "config": "Show and check the settings in force.",
    "demo": "Take a tour of the commands on a simulated organization.",
    "simulate": "Serve a simulated organization for trials.",
}

EPILOG = f"""
\b
Every option is also an environment variable (--role-name is
PATCHSWEEP_ROLE_NAME) and a key of the file given by --config. Options win
over variables, variables over the file. AWS credentials come from the usual
AWS settings.

\b
Exit codes:
{exit_codes_text()}
"""


class Commands(click.Group):
    """Finds the command `name` as `command` in `scanner.cli.name`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"scanner.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(f"there is no command {args[0]!r}{did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="patchsweep %(version)s")
def patchsweep() -> None:
    """Read the patches of every AWS Systems Manager node you own.

    One verified data set out of many accounts and Regions; what could not be read is named.
    """
