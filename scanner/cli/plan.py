"""`patchsweep plan`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import click

from scanner.cli import options
from scanner.cli.demo_options import demo_option
from scanner.cli.exit_codes import plan_exit_code
from scanner.cli.json_document import print_document, table_or_json_option
from scanner.cli.load_app import AppLoader
from scanner.cli.options import SectionedCommand, section, settings_of
from scanner.cli.output import print_lines
from scanner.core.model import TargetStatus

if TYPE_CHECKING:
    from scanner.reports.plan import Plan, PlannedTarget

TARGETS_SHOWN = 40
NOT_MEASURED = (
    "The smaller figures hold if AWS filters patches before it cuts a listing into pages, the larger ones if it "
    "filters after that; a scan or `patchsweep doctor` measures it."
)


@click.command("plan", cls=SectionedCommand)
@demo_option
@section("Scope", options.SCOPE)
@section("Patches", options.PATCHES)
@section("Run", {"mode": options.MODE, **options.STORE})
@section("Speed", options.SPEED)
@table_or_json_option
@options.log_options
@options.config_option
@click.pass_obj
def command(app: AppLoader, /, *, demo: bool, as_json: bool, config: str | None, **given: object) -> int:
    """Show scope, nodes, calls and time of a scan; read no patches.

    Lists the nodes and reads AWS's own patch counts, which takes about three
    calls for 50 nodes. For a delta or lean scan it reads from the store which
    nodes would be carried over.
    """
    from scanner.cli.scan_output import log_to_stderr
    from scanner.cli.styled import stdout_width

    settings = settings_of(config, given, demo=demo)
    log_to_stderr(settings)
    plan = anyio.run(partial(app().run_plan, settings, demo=demo))
    code = plan_exit_code(plan)
    if as_json:
        document = {"nodes": plan.nodes, "rows": plan.rows, "calls": plan.calls, "most_calls": plan.most_calls}
        print_document(exit_code=code.value, **document, plan=plan)
    else:
        print_lines(plan_text(plan, stdout_width()))
    return code


def plan_text(plan: Plan, width: int = 80) -> list[str]:
    """Returns the totals, the targets that would be read, the longest first, and the others with their reasons."""
    from scanner.reports.lines import counted, entry, wrapped

    readable = [target for target in plan.targets if target.status is TargetStatus.SCANNED]
    others = [target for target in plan.targets if target.status is not TargetStatus.SCANNED]
    totals = (
        f"A scan would read {counted(plan.nodes, 'node')} of {counted(len(readable), 'target')}: "
        f"about {counted(plan.rows, 'patch row')} in {_calls(plan)}. It would take about "
        f"{_time(plan)} if AWS permits {plan.limits.rate_per_s:g} calls a second for each target."
    )
    bounds = (
        f"It begins at that rate and finds what AWS permits, between {plan.limits.min_rate_per_s:g} and "
        f"{plan.limits.max_rate_per_s:g} calls a second for each operation; --rate and --max-rate change that."
    )
    lines = [
        *wrapped(totals, width),
        *wrapped(bounds, width),
        *(wrapped(NOT_MEASURED, width) if plan.most_calls > plan.calls else ()),
        *(
            line
            for target in others[:TARGETS_SHOWN]
            for line in entry(
                target.status, f"{target.target}: {target.reason}" if target.reason else str(target.target), width
            )
        ),
    ]
    return [*(line.text for line in lines), *_more(others), "", *_table(readable), *_more(readable)]


def _calls(plan: Plan) -> str:
    from scanner.reports.lines import counted

    most = counted(plan.most_calls, "call")
    return f"{plan.calls:,} to {most}" if plan.most_calls > plan.calls else most


def _time(plan: Plan) -> str:
    from scanner.reports.lines import duration

    shortest, longest = duration(plan.minutes * 60), duration(plan.most_minutes * 60)
    return shortest if shortest == longest else f"{shortest} to {longest}"


def _table(targets: list[PlannedTarget]) -> list[str]:
    from scanner.cli.styled import table_width
    from scanner.reports.lines import aligned, duration

    longest = sorted(targets, key=lambda target: (-target.minutes, target.target.account_id, target.target.region))
    rows = [
        (
            target.target.account_id,
            target.target.region,
            target.nodes,
            target.rows,
            target.calls,
            duration(target.minutes * 60),
        )
        for target in longest[:TARGETS_SHOWN]
    ]
    return aligned(rows, ("account", "Region", "nodes", "patch rows", "calls", "time"), table_width()) if rows else []


def _more(targets: list[PlannedTarget]) -> list[str]:
    from scanner.reports.lines import counted

    hidden = len(targets) - TARGETS_SHOWN
    return [f"… and {counted(hidden, 'target')} more"] if hidden > 0 else []
