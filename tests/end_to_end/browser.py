"""A real browser that opens a file, and a server that notices whoever asks it for anything."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

CHROMIUM = (
    "chromium",
    "--headless",
    "--no-sandbox",  # it refuses to run as root otherwise
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
)
OPENS_WITHIN_S = 300


class Opened(NamedTuple):
    """What became of a page once it was loaded: its document, and what the browser had to say about it."""

    html: str
    complaints: list[str]


def opened(file: Path) -> Opened:
    """The file as the browser has it after every script and every load."""
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [*CHROMIUM, f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom", file.as_uri()]
        ended = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=OPENS_WITHIN_S, check=True)
    return Opened(ended.stdout, re.findall(r"CONSOLE\S*\] (.*)", ended.stderr))


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *ignored: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
