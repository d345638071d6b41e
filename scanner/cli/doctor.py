"""`patchsweep doctor`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import anyio
import click

from scanner.cli import options
from scanner.cli.demo_options import demo_option
from scanner.cli.exit_codes import diagnosis_exit_code
from scanner.cli.json_document import print_document, table_or_json_option
from scanner.cli.load_app import AppLoader
from scanner.cli.options import SectionedCommand, section, settings_of
from scanner.cli.output import data_stdout, print_lines
from scanner.core.model import TargetStatus

if TYPE_CHECKING:
    from scanner.reports.diagnosis import Diagnosis, PlaceCheck
    from scanner.reports.lines import Line

GAPS_SHOWN = 40
LABELS_SHOWN = 3  # of targets with the same reason


@click.command("doctor", cls=SectionedCommand)
@demo_option
@section("Scope", options.SCOPE)
@section("Coverage", options.COVERAGE)
@section("Run", options.STORE | options.SINKS)
@table_or_json_option
@options.log_options
@options.config_option
@click.pass_obj
def command(app: AppLoader, /, *, demo: bool, as_json: bool, config: str | None, **given: object) -> int:
    """Check what a scan with these options needs: credentials, store, sinks,
    and in each target its role and one call of each kind.

    The exit code is the one that the scan would have. The check writes one
    small file into the store and Parquet sinks and removes it again; it tries
    a database in a transaction that it rolls back.
    """  # noqa: D205 - click shows the first paragraph as one
    from scanner.cli.scan_output import log_to_stderr
    from scanner.cli.styled import stdout_width

    settings = settings_of(config, given, demo=demo)
    log_to_stderr(settings)
    diagnosis = anyio.run(partial(app().run_doctor, settings, demo=demo, stdout=data_stdout()))
    code = diagnosis_exit_code(diagnosis)
    if as_json:
        print_document(exit_code=code.value, diagnosis=diagnosis)
    else:
        print_lines([line.text for line in diagnosis_lines(diagnosis, stdout_width())])
    return code


def diagnosis_lines(diagnosis: Diagnosis, width: int = 80) -> Iterator[Line]:
    """Returns what works, then the gaps by their reasons, then advice."""
    from scanner.reports.gap_groups import Gap, group_gaps
    from scanner.reports.lines import Line, counted, entry
    from scanner.reports.source_advice import source_advice

    line = partial(entry, width=width, indent=0)
    yield from line("caller", f"{diagnosis.caller}, Region {diagnosis.region}")
    yield from line("store", _place(diagnosis.store))
    for sink in diagnosis.sinks:
        yield from line("sink", _place(sink))
    yield from line("targets", _targets(diagnosis))
    groups = group_gaps(Gap(check.target, check.status, check.reason) for check in diagnosis.gaps)
    for group in groups[:GAPS_SHOWN]:
        yield from entry(group.status, group.text("target", LABELS_SHOWN), width)
    if hidden := sum(len(group.gaps) for group in groups[GAPS_SHOWN:]):
        yield Line(f"  … and {counted(hidden, 'target')} more")
    empty = sum(check.status is TargetStatus.SCANNED and not check.has_nodes for check in diagnosis.targets)
    if empty:
        yield from entry("no nodes", f"{counted(empty, 'target')}: only the listing could be checked", width)
    for advice in source_advice((check.target, each) for check in diagnosis.targets for each in check.refused):
        yield from entry("not asked", advice, width)
    if diagnosis.takes_large_pages is not None:
        yield from line("page size", _advice(takes_large_pages=diagnosis.takes_large_pages))
    if diagnosis.filters_are_cheap is not None:
        yield from line("filters", _filters(are_cheap=diagnosis.filters_are_cheap))


def _targets(diagnosis: Diagnosis) -> str:
    from scanner.reports.lines import breakdown

    statuses = Counter(check.status.value for check in diagnosis.targets)
    readable = statuses.pop(TargetStatus.SCANNED.value, 0)
    others = f", {breakdown(statuses)}" if statuses else ""
    return f"{readable:,} of {len(diagnosis.targets):,} can be read{others}"


def _place(check: PlaceCheck) -> str:
    return f"{check.place}: {check.failure or 'OK'}"


def _filters(*, are_cheap: bool) -> str:
    if are_cheap:
        return "AWS filters patches before it cuts pages: filtered and lean scans take few calls"
    return "AWS filters patches only after it cuts pages: a filter saves no calls, lean mode few"


def _advice(*, takes_large_pages: bool) -> str:
    if takes_large_pages:
        return "AWS takes pages of 100 patches here: set patches.page_size = 100 for about half the calls"
    return "AWS takes no more than 50 patches a page here; leave patches.page_size at 50"
