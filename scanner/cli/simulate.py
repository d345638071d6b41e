"""`patchsweep simulate`."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING, get_type_hints

import anyio
import click

from scanner.cli import options
from scanner.cli.json_document import print_document, table_or_json_option
from scanner.cli.options import Sectioned, SectionedCommand
from scanner.cli.output import print_lines, print_note
from scanner.cli.verbosity import apply_log_options
from scanner.core.errors import ConfigError

if TYPE_CHECKING:
    from scanner.simulator.running.buckets import Limits
    from scanner.simulator.world.faults import Faults
    from scanner.simulator.world.organization import World


def _option(name: str, section: str, kind: click.ParamType[float], default: float | None, text: str) -> click.Option:
    shown = "no limit" if default is None else f"{default:g}"
    return Sectioned(
        [name], section=section, metavar="N", type=kind, default=default, help=f"{text}  [default: {shown}]"
    )


def _parameters() -> list[click.Parameter]:
    return [
        _option("--account-count", "World", click.IntRange(1), 5, "Accounts of the organization."),
        _option("--region-count", "World", click.IntRange(1, 17), 3, "Regions enabled in each account, up to 17."),
        _option("--node-count", "World", click.IntRange(0), 200, "Nodes in all."),
        _option("--seed", "World", click.INT, 0, "Each seed makes another organization and sequence of faults."),
        Sectioned(["--external-id"], section="World", metavar="ID", help="What the member roles ask for."),
        _option(
            "--rate", "Speed", click.FloatRange(0.1), None, "Calls a second for each account, Region and operation."
        ),
        _option("--burst", "Speed", click.FloatRange(1), 20, "Calls granted at once after a pause, with --rate."),
        _option("--latency", "Speed", click.FloatRange(0), 0, "Seconds between a request and its answer."),
        Sectioned(
            ["--fault", "faults"],
            section="Faults",
            metavar="NAME=VALUE",
            multiple=True,
            help="A fault with its probability (gone=0.02). Repeatable; a wrong name lists them all.",
        ),
        _option("--port", "Server", click.IntRange(0, 65535), 0, "Port on 127.0.0.1; 0 takes a free one."),
    ]


@click.command("simulate", cls=SectionedCommand, params=_parameters())
@table_or_json_option
@options.log_options
def command(  # noqa: PLR0913 - click passes one parameter for each option
    *,
    account_count: int,
    region_count: int,
    node_count: int,
    seed: int,
    external_id: str | None,
    rate: float | None,
    burst: float,
    latency: float,
    faults: tuple[str, ...],
    port: int,
    as_json: bool,
    **given: object,
) -> int:
    """Serve a simulated organization for trials.

    It answers the AWS calls that patchsweep makes, on this machine only, until
    Ctrl-C. The lines on stdout point any AWS client to it:

    \b
      patchsweep simulate | tee aws.env        # in one terminal
      . ./aws.env                              # in another
      patchsweep scan --accounts organization --regions enabled \\
                      --role-name patchsweep-reader
    """  # noqa: D301 - click's mark for lines that are not to be re-wrapped
    from scanner.simulator.generate.build import make_world
    from scanner.simulator.running.buckets import NO_LIMITS, Limits, Rate

    apply_log_options(given)
    world = make_world(
        accounts=account_count, regions=region_count, nodes=node_count, seed=seed, external_id=external_id
    )
    granted = NO_LIMITS.default if rate is None else Rate(rate, burst)
    limits = Limits(default=granted, latency_s=latency)
    anyio.run(partial(_until_stopped, world, _faults(faults, seed), limits, port, as_json=as_json))
    return 0


def _faults(given: tuple[str, ...], seed: int) -> Faults:
    import msgspec

    from scanner.core.did_you_mean import did_you_mean
    from scanner.simulator.world.faults import Faults

    kinds = {name: kind for name, kind in get_type_hints(Faults).items() if name != "seed"}
    values: dict[str, object] = {"seed": seed}
    for text in given:
        name, _, value = text.partition("=")
        if name not in kinds:
            raise ConfigError(f"--fault {name!a} is not one of {', '.join(kinds)}{did_you_mean(name, kinds)}")
        try:
            values[name] = msgspec.convert(
                value.split(",") if name == "operations" else value, kinds[name], strict=False
            )
        except msgspec.ValidationError as error:
            raise ConfigError(f"--fault {name}={value!a}: {error}") from error
    return msgspec.convert(values, Faults)


def _print_environment(environment: Mapping[str, str], *, as_json: bool) -> None:
    """Prints what points an AWS client to the server: commands of a shell, or one JSON object."""
    unset = ["AWS_PROFILE", "AWS_SESSION_TOKEN"]
    if as_json:
        print_document(environment=environment, unset=unset)
    else:
        exports = [f"export {name}={quote(value)}" for name, value in environment.items()]
        print_lines([f"unset {' '.join(unset)}", *exports])


async def _until_stopped(world: World, faults: Faults, limits: Limits, port: int, *, as_json: bool) -> None:
    from scanner.reports.lines import counted
    from scanner.simulator.server.server import serve

    try:
        async with serve(world, faults=faults, limits=limits, port=port) as simulator:
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                _print_environment(simulator.environment(), as_json=as_json)
                print_note(
                    f"serving {counted(world.node_count, 'node')} in {counted(len(world.accounts), 'account')} "
                    f"on {simulator.url}; "
                    f"the role is {world.role_name}; Ctrl-C ends it"
                )
                async for _ in signals:
                    return
    except OSError as error:
        raise ConfigError(f"--port {port} cannot be opened on 127.0.0.1: {error.strerror or error}") from error
