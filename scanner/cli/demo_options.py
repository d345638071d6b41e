"""The options of the simulated organization."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from scanner.cli.options import Sectioned

_F = TypeVar("_F", bound=Callable[..., object])


def demo_option(command: _F) -> _F:
    """Adds `--demo`: no AWS account is needed or touched."""
    text = "Use a simulated organization instead of AWS."
    return click.option("--demo", is_flag=True, cls=Sectioned, section="Scope", help=text)(command)


def demo_day_option(command: _F) -> _F:
    """Adds `--demo-day N`, handed to the command as `demo_day`."""
    text = (
        "Day of the simulated organization, counted from today; may be negative.  "
        "[default: a day after its newest scan in the store]"
    )
    return click.option("--demo-day", type=int, metavar="N", cls=Sectioned, section="Scope", help=text)(command)
