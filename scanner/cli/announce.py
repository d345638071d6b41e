"""What a run tells others when it has ended: metrics, and messages to who is named by `--notify`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio

from scanner.cli.atomic_file import append_file, check_file, write_file
from scanner.cli.exit_codes import ExitCode, scan_exit_code
from scanner.cli.load_app import AppLoader
from scanner.cli.output import print_json_line, print_message
from scanner.core.errors import Interrupted, PatchsweepError
from scanner.reports.metrics.destination import metrics_target

if TYPE_CHECKING:
    from scanner.cli.scan_output import ScanOutput
    from scanner.core.settings import MetricsSettings, Settings
    from scanner.notify.message import Message
    from scanner.reports.metrics.values import Metric
    from scanner.reports.scan_result import ScanResult

PUBLIC_FILE_MODE = 0o644  # the node exporter runs as another user, and the file holds counts only


class Announcer:
    """Tells others how a run ended; a failure of it is one line on stderr and never changes the exit code."""

    def __init__(self, app: AppLoader, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    def check(self) -> None:
        """Finds out before the scan what could not work after it.

        Raises:
            ConfigError: a file cannot be written, a secret cannot be read, or an extra is not installed.
        """
        from scanner.notify import otel, signature

        signature.webhook_key(self._settings.notify)
        for kind, file in map(metrics_target, self._settings.metrics.to):
            if kind == "otel":
                otel.check_installed()
            elif file:
                check_file(file, f"{kind} metrics")

    def scan_ended(self, result: ScanResult, exit_code: int) -> None:
        """Announces a committed scan."""
        from scanner.reports.announcement import scan_lines
        from scanner.reports.metrics.values import scan_metrics
        from scanner.reports.summary import summary_document

        metrics = scan_metrics(result, exit_code)
        scan = result.scan
        document = summary_document(result, exit_code)
        self._announce(scan.scan_id, scan.status.value, exit_code, scan_lines(result), document, metrics)

    def run_failed(self, error: Exception, exit_code: int) -> None:
        """Announces a run that committed no scan; not one that a signal stopped, which has to end at once."""
        if isinstance(error, Interrupted):
            return
        from scanner.cli.failures import error_sentences
        from scanner.reports.announcement import NOT_COMMITTED, failure_document
        from scanner.reports.metrics.values import run_metrics

        now_s = time.time()
        sentences = error_sentences(error)
        document = failure_document(sentences, exit_code, int(now_s * 1000))
        lines = ["the scan was not committed", *sentences]
        metrics = run_metrics(exit_code, now_s, is_committed=False)
        self._announce(f"run-{int(now_s * 1000)}", NOT_COMMITTED, exit_code, lines, document, metrics)

    def _announce(
        self,
        key: str,
        status: str,
        exit_code: int,
        lines: Sequence[str],
        document: Mapping[str, object],
        metrics: Sequence[Metric],
    ) -> None:
        from scanner.notify.message import Message

        notify = self._settings.notify
        is_wanted = bool(notify.to) and (notify.when == "always" or exit_code != 0)
        message = Message(key, status, int(exit_code), lines, document) if is_wanted else None
        try:
            failures = write_metrics(self._settings.metrics, metrics, scan_id=key, status=status)
            failures |= self._sent(message, metrics)
        except KeyboardInterrupt:
            failures = {"notifications": "stopped by Ctrl-C"}
        except Exception as error:  # noqa: BLE001 - whatever a receiver or a library does, the scan has ended well
            failures = {"notifications": f"{type(error).__name__}: {error}"}
        for destination, reason in failures.items():
            text = f"notification failed: {destination}: {reason}"
            print_message(text, "error", destination=destination, reason=reason)

    def _sent(self, message: Message | None, metrics: Sequence[Metric]) -> dict[str, str]:
        if message is None and "otel" not in self._settings.metrics.to:
            return {}
        return anyio.run(partial(self._app().run_notify, self._settings, message, metrics))


@contextmanager
def announced_failure(announcer: Announcer) -> Iterator[None]:
    """Announces the error that ends the block before it goes on."""
    from scanner.cli.failures import failure_exit_code

    try:
        yield
    except Exception as error:
        announcer.run_failed(error, failure_exit_code(error))
        raise


def show_and_announce(watch: ScanOutput, announcer: Announcer, result: ScanResult) -> ExitCode:
    """Shows how a committed scan ended, then announces it, and returns its exit code.

    Raises:
        PatchsweepError: the summary cannot be written; the scan is announced with the exit code of that error.
    """
    from scanner.cli.failures import failure_exit_code

    code = scan_exit_code(result.scan, result.sink_failures)
    try:
        watch.ended(result, code)
    except Exception as error:
        announcer.scan_ended(result, failure_exit_code(error))
        raise
    announcer.scan_ended(result, code)
    return code


def write_metrics(settings: MetricsSettings, metrics: Sequence[Metric], *, scan_id: str, status: str) -> dict[str, str]:
    """Writes the metrics that go to files and to stderr; returns why it failed, by the setting."""
    from scanner.reports.metrics.emf import emf_line
    from scanner.reports.metrics.prometheus import prometheus_text

    failures = {}
    for text in settings.to:
        kind, file = metrics_target(text)
        try:
            if kind == "prometheus":
                write_file(file, prometheus_text(metrics).encode(), "prometheus metrics", PUBLIC_FILE_MODE)
            elif kind == "emf":
                line = emf_line(metrics, settings.namespace, int(time.time() * 1000), scan_id=scan_id, status=status)
                if file:
                    append_file(file, f"{line}\n".encode(), "emf metrics", PUBLIC_FILE_MODE)
                else:
                    print_json_line(line)
        except (PatchsweepError, OSError) as error:
            failures[text] = getattr(error, "strerror", None) or str(error)
    return failures
