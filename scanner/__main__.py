"""`python -m scanner` is the command `patchsweep`."""

from scanner.cli.process import run

run()
