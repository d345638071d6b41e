"""Runs the command in this process, its two outputs kept apart."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

from scanner.cli import main


class Ended(NamedTuple):
    code: int
    stdout: str
    stderr: str


def run(*argv: str, app=None) -> Ended:
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(stdout), redirect_stderr(stderr):
        code = main(argv, app=app) if app is not None else main(argv)
    return Ended(code, stdout.buffer.getvalue().decode(), stderr.buffer.getvalue().decode())
