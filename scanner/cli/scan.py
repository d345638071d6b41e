"""`patchsweep scan`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import click
from msgspec import structs

from scanner.cli import options
from scanner.cli.completion import complete_unfinished
from scanner.cli.demo_options import demo_day_option, demo_option
from scanner.cli.json_document import table_or_json_option
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, section, settings_of
from scanner.cli.output import data_stdout
from scanner.core.errors import PatchsweepError
from scanner.core.scan_request import LATEST_OR_NEW
from scanner.core.worker_place import WorkerPlace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scanner.core.settings import Settings
    from scanner.reports.grouping import Grouping
    from scanner.reports.scan_result import ScanResult

_RUN = {
    "mode": options.MODE,
    "label": ("TEXT", "Name of the scan in `patchsweep scans`."),
    **options.STORE,
    **options.SINKS,
    **options.STALE,
}
EVENT_LOOP = {"use_uvloop": True}  # asyncio's own loop does TLS in Python, which costs a fifteenth of a scan's CPU
OUTPUT = {
    **options.LOG,
    "progress": ("", "Show progress on stderr.  [default: on a terminal]"),
    "summary": ("FILE", "Write the scans row and the outcome counts to this file as JSON."),
    **options.ANNOUNCE,
}

#: Processes that a scan starts, of 100 MB and more each: more than any machine has cores for.
_MOST_WORKERS = 256


@click.command("scan", cls=SectionedCommand)
@demo_option
@demo_day_option
@section("Scope", options.SCOPE)
@section("Patches", options.PATCHES)
@section("Coverage", options.COVERAGE)
@section("Run", _RUN)
@click.option(
    "--resume",
    is_flag=False,
    flag_value="latest",
    metavar="[SCAN_ID]",
    shell_complete=complete_unfinished,
    cls=Sectioned,
    section="Run",
    help="Continue an unfinished scan: the newest one, or this one.",
)
@click.option(
    "--resume-or-start",
    is_flag=True,
    cls=Sectioned,
    section="Run",
    help="For schedulers: continue the newest unfinished scan of the same scope, filters and mode, else start one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, _MOST_WORKERS),
    metavar="N",
    cls=Sectioned,
    section="Workers",
    help="Read with N processes of this machine, for scans that need more than one core.",
)
@click.option(
    "--dask",
    metavar="ADDRESS",
    cls=Sectioned,
    section="Workers",
    help="Read with the workers of a Dask cluster: the address of its scheduler, tcp://HOST:8786.",
)
@options.by_option("Count what each group of machines lacks in the summary, too")
@section("Speed", options.SPEED)
@section("Output", OUTPUT)
@table_or_json_option
@options.verbosity_options
@click.option(
    "--profile",
    metavar="FILE",
    cls=Sectioned,
    section="Output",
    help="Write a cProfile of the scan for `python -m pstats FILE`. Slows the scan.",
)
@options.config_option
@click.pass_obj
def command(  # noqa: PLR0913 - one parameter for each option
    app: AppLoader,
    /,
    *,
    demo: bool,
    demo_day: int | None,
    resume: str | None,
    resume_or_start: bool,
    workers: int | None,
    dask: str | None,
    profile: str | None,
    by: str | None,
    as_json: bool,
    config: str | None,
    **given: object,
) -> int:
    """Read the patches of every node in scope into the store.

    Without options it reads the account and Region of the current credentials.
    Lists are separated by commas. Results go to the store and the sinks, logs
    and the summary to stderr.
    """
    from scanner.cli.announce import Announcer, announced_failure, show_and_announce
    from scanner.cli.garbage_collection import start_up_uncollected
    from scanner.cli.profile import profiled
    from scanner.cli.scan_output import watched
    from scanner.cli.without_numpy import load_arrow_without_numpy

    _refuse_together(demo=demo, demo_day=demo_day, workers=workers, dask=dask)
    resume = _which(resume, resume_or_start=resume_or_start)
    grouping = None if by is None else _parsed(by)
    settings = settings_of(config, given, demo=demo)
    load_arrow_without_numpy(settings)
    announcer = Announcer(app, settings)
    announcer.check()
    with start_up_uncollected() as start_up, watched(settings, as_json=as_json) as watch:
        observers = [start_up, *watch.observers]
        read = _reading(app, settings, workers, dask)
        run = partial(read, resume=resume, demo=demo, demo_day=demo_day, observers=observers, stdout=data_stdout())
        # In uvloop a profiler takes the waiting for a part of whichever function ran last.
        with profiled(profile), announced_failure(announcer):
            result = anyio.run(run, backend_options=EVENT_LOOP if profile is None else None)
    if grouping is not None:
        result = _grouped(app, settings, result, grouping)
    return show_and_announce(watch, announcer, result)


def _refuse_together(*, demo: bool, demo_day: int | None, workers: int | None, dask: str | None) -> None:
    if demo_day is not None and not demo:
        raise click.UsageError("--demo-day is for --demo")
    if workers is not None and dask is not None:
        raise click.UsageError("--workers and --dask exclude each other")


def _reading(
    app: AppLoader, settings: Settings, workers: int | None, dask: str | None
) -> Callable[..., Awaitable[ScanResult]]:
    """Returns what runs the scan: this process, or the workers of an engine."""
    if workers is None and dask is None:
        return partial(app().run_scan, settings)
    return partial(app().run_scan_by_workers, settings, WorkerPlace(dask, workers or 1))


def _which(resume: str | None, *, resume_or_start: bool) -> str | None:
    if resume_or_start and resume is not None:
        raise click.UsageError("--resume and --resume-or-start exclude each other")
    return LATEST_OR_NEW if resume_or_start else resume


def _parsed(by: str) -> Grouping:
    """Returns the grouping; a wrong one is reported before the scan rather than after it."""
    from scanner.reports.grouping import parse_grouping

    return parse_grouping(by)


def _grouped(app: AppLoader, settings: Settings, result: ScanResult, grouping: Grouping) -> ScanResult:
    """Returns the result with what each group lacks, or a note: the scan is committed, whatever ends the counting."""
    try:
        return anyio.run(_with_groups, app, settings, result, grouping)
    except PatchsweepError as error:
        reason = str(error)
    except KeyboardInterrupt:
        reason = "stopped by Ctrl-C"
    return structs.replace(result, notes=(*result.notes, f"not counted by {grouping.label}: {reason}"))


async def _with_groups(app: AppLoader, settings: Settings, result: ScanResult, grouping: Grouping) -> ScanResult:
    from scanner.cli.queries import open_scans
    from scanner.core.relevant_rows import TABLES as RELEVANT
    from scanner.reports.html.data import groups_of_scan

    async with (
        app().open_store(settings) as store,
        open_scans(store, [result.scan.scan_id], settings.views, {*RELEVANT, "nodes", "tags"}) as views,
    ):
        groups = await groups_of_scan(views, result.scan, grouping, stale_after_days=settings.stale_after_days)
    return structs.replace(result, groups=groups)
