"""`patchsweep plan`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import click

from scanner.cli import options
from scanner.cli.application import AppLoader
from scanner.cli.options import SectionedCommand, section, settings_of

if TYPE_CHECKING:
    from scanner.plan import Plan

TARGETS_SHOWN = 40


@click.command("plan", cls=SectionedCommand)
@options.demo_option
@section("Scope", options.SCOPE)
@section("Patches", options.PATCHES)
@section("Speed", options.SPEED)
@section("Output", options.LOG)
@options.config_option
@click.pass_obj
def command(app: AppLoader, /, *, demo: bool, config: str | None, **given: object) -> int:
    """Show scope, nodes, calls and time of a scan; read no patches.

    Lists the nodes and reads AWS's own patch counts, which takes about three
    calls for 50 nodes. A delta scan takes less than what is shown.
    """
    from scanner.cli.watch import log_to_stderr  # noqa: PLC0415 - brings rich and structlog

    settings = settings_of(config, given)
    log_to_stderr(settings)
    plan = anyio.run(partial(app().run_plan, settings, demo=demo))
    click.echo("\n".join(plan_text(plan)))
    return plan_exit_code(plan)


def plan_text(plan: Plan) -> list[str]:
    """The totals, then the targets, those that take longest first."""
    from scanner.wording import aligned, counted, duration  # noqa: PLC0415 - not needed for --help

    targets = sorted(plan.targets, key=lambda target: (-target.minutes, target.target.account_id, target.target.region))
    rows = [
        (
            target.target.account_id,
            target.target.region,
            target.status.value,
            target.nodes,
            target.rows,
            target.calls,
            duration(target.minutes * 60),
            target.reason or "",
        )
        for target in targets[:TARGETS_SHOWN]
    ]
    header = ("account", "Region", "status", "nodes", "patch rows", "calls", "time", "reason")
    hidden = len(targets) - len(rows)
    totals = (
        f"A scan would read {counted(plan.nodes, 'node')} of {counted(len(targets), 'target')}: "
        f"about {counted(plan.rows, 'patch row')} in {counted(plan.calls, 'call')}, "
        f"{duration(plan.minutes * 60)} at {plan.rate_per_s:g} calls a second for each target and operation."
    )
    more = [f"… and {counted(hidden, 'target')} more, none slower than these"] if hidden > 0 else []
    return [totals, "", *aligned(rows, header), *more]


def plan_exit_code(plan: Plan) -> int:
    """0 every target can be read, 3 some, 1 none."""
    readable = sum(target.status == "scanned" for target in plan.targets)
    if not readable:
        return 1
    refused = sum(target.status in ("denied", "failed") for target in plan.targets)
    return 3 if refused else 0
