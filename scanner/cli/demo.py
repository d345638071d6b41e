"""`patchsweep demo`: a tour of the commands on the simulated organization."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio
import click

from scanner.cli import options
from scanner.cli.exit_codes import ExitCode
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, settings_of
from scanner.cli.output import errors_only, print_lines, print_note
from scanner.core.errors import ConfigError
from scanner.core.settings import Settings

#: The days of the scans, counted from today, and their modes. Two weeks are enough for a patch to be overdue; a lean
#: scan has nodes to carry over where the scan before it is younger than `full_scan_every_days` (7).
SCANS = {"-14": "full", "-7": "full", "-1": "full", "0": "lean"}
TODAY = "0"
ROWS = "8"  # of a table: a tour shows what there is, not all of it
_REPORT = "report.html"
_MOST_LACKED = """
    SELECT cve_id FROM (SELECT unnest(cve_ids) AS cve_id, instance_id FROM patches WHERE state = 'MISSING')
    GROUP BY cve_id ORDER BY count(DISTINCT instance_id) DESC, cve_id LIMIT 1
"""
#: A step may find something: partial scans and open findings are what the tour is about.
_AS_EXPECTED = frozenset({0, 3, 4})


@click.command("demo", cls=SectionedCommand)
@click.option(
    "--folder",
    metavar="DIR",
    cls=Sectioned,
    section="Output",
    help="Where to keep the scans and the report.  [default: a new temporary folder]",
)
@click.option(
    "--open", "opens", is_flag=True, cls=Sectioned, section="Output", help="Show the report in the browser at the end."
)
@options.log_options
@options.config_option
@click.pass_obj
def command(app: AppLoader, /, *, folder: str | None, opens: bool, config: str | None, **given: object) -> int:
    """Take a tour: scan a simulated organization on four days, and look at it.

    Runs the commands that it shows, one after the other, and ends with the path
    of the HTML report. No AWS account is needed or touched.
    """
    place = _folder(folder)
    store = str(place / "store")
    settings = settings_of(config, {**given, "store__location": store})
    log = _log_options(settings)
    for day, mode in SCANS.items():
        level = log if day == TODAY else [*log, "--log-level", "error"]
        code = _run(app, "scan", "--demo", "--demo-day", day, "--mode", mode, "--store", store, *level)
        if code not in _AS_EXPECTED:
            return code
    cve_id = anyio.run(_most_lacked, app, settings)
    report = str(place / _REPORT)
    looks: list[list[str]] = [
        ["scans", "--store", store],
        ["diff", "--store", store, "--max-rows", ROWS],
        *([["cve", cve_id, "--store", store, "--max-rows", ROWS]] if cve_id else []),
        ["check", "--store", store, "--max-age", "Critical=10d", "--max-unread", "50", "--by", "account"],
        ["report", "--store", store, "--output", report, *(["--open"] if opens else [])],
    ]
    for words in looks:
        code = _run(app, *words, *log)
        if code not in _AS_EXPECTED:
            return code
    print_lines([report])
    return ExitCode.COMPLETE


def _log_options(settings: Settings) -> list[str]:
    """Returns what of the options of `log_options` was chosen, for every step of the tour."""
    options_of = {"--log-format": (settings.log_format, "auto"), "--log-level": (settings.log_level, "info")}
    return [word for option, (value, default) in options_of.items() if value != default for word in (option, value)]


def _folder(named: str | None) -> Path:
    """Returns the folder, which is made if there is none.

    Raises:
        ConfigError: it cannot be made.
    """
    if named is None:
        return Path(tempfile.mkdtemp(prefix="patchsweep-demo-"))
    try:
        Path(named).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the folder {named!a} cannot be made: {error.strerror or error}") from error
    return Path(named)


def _run(app: AppLoader, *words: str) -> int:
    """Shows a command, runs it, and returns its exit code."""
    from scanner.cli.commands import patchsweep

    is_quiet = errors_only.get()  # a step may be quieter than the tour
    print_note(f"$ patchsweep {shlex.join(words)}")
    code = patchsweep.main([*words], "patchsweep", standalone_mode=False, obj=app)
    errors_only.set(is_quiet)
    assert isinstance(code, int)
    return code


async def _most_lacked(app: AppLoader, settings: Settings) -> str | None:
    """Returns the CVE whose fix most machines lack in the newest scan."""
    from scanner.cli.queries import open_scans

    async with app().open_store(settings) as opened:
        scan_id = await opened.resolve()
        async with open_scans(opened, [scan_id], settings.views) as views:
            rows: Sequence[dict[str, str]] = (await views.fetch(_MOST_LACKED)).to_pylist()
    return rows[0]["cve_id"] if rows else None
