"""Sends the numbers of a run as OpenTelemetry metrics, to where the OTEL_* variables say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from scanner.core.errors import ConfigError, NotificationError
from scanner.core.safe_text import mask_foreign_text
from scanner.reports.metrics.values import Metric

if TYPE_CHECKING:
    from requests import Response, Session

PREFIX = "patchsweep."
_REDIRECTS = range(300, 400)


def check_installed() -> None:
    """Raises `ConfigError` where the packages of the extra `otel` are missing."""
    try:
        import opentelemetry.exporter.otlp.proto.http.metric_exporter  # noqa: PLC0415 - an extra
        import opentelemetry.sdk.metrics  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise ConfigError("metrics.to: otel needs an extra; run: pip install 'patchsweep[otel]'") from error


async def export(metrics: Sequence[Metric], timeout_s: float) -> None:
    """Exports once over OTLP/HTTP and closes the connection; in a worker thread, since the library blocks.

    Raises:
        NotificationError: the collector did not take them in time.
    """
    try:
        await to_thread.run_sync(_export, metrics, timeout_s)
    except NotificationError:
        raise
    except Exception as error:
        raise NotificationError(mask_foreign_text(f"{type(error).__name__}: {error}")) from error


def _export(metrics: Sequence[Metric], timeout_s: float) -> None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - an extra
        OTLPMetricExporter,
    )
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.metrics.export import MetricExportResult, PeriodicExportingMetricReader  # noqa: PLC0415

    results = []

    class _Exporter(OTLPMetricExporter):  # type: ignore[misc]  # an extra, so its types are not read
        """Keeps what became of each export, which the reader only logs."""

        def export(self, *args: object, **kwargs: object) -> object:
            result = super().export(*args, **kwargs)
            results.append(result)
            return result

    # Exported by the call below, never by its timer.
    reader = PeriodicExportingMetricReader(
        _Exporter(timeout=timeout_s, session=_strict_session()), export_interval_millis=float("inf")
    )
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meter = provider.get_meter("patchsweep")
    gauges = {}
    for metric in metrics:
        if metric.name not in gauges:
            gauges[metric.name] = meter.create_gauge(
                PREFIX + metric.name, unit="s" if metric.unit else "1", description=metric.help
            )
        gauges[metric.name].set(metric.value, dict([metric.label] if metric.label else []))
    try:
        reader.force_flush(timeout_s * 1000)
    finally:
        provider.shutdown(timeout_s * 1000)
    if not results or results[0] is not MetricExportResult.SUCCESS:
        raise NotificationError("the collector did not take the metrics; check OTEL_EXPORTER_OTLP_ENDPOINT")


def _strict_session() -> Session:
    """Returns a session that takes a redirect for a failure.

    Some versions of the exporter follow it with the keys of OTEL_EXPORTER_OTLP_HEADERS, others take it for a success.
    """
    from requests import Session  # noqa: PLC0415 - with the extra
    from requests.exceptions import TooManyRedirects  # noqa: PLC0415 - as above

    class _Session(Session):
        def request(self, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - as the library has it
            response = super().request(*args, **{**kwargs, "allow_redirects": False})
            if response.status_code in _REDIRECTS:
                raise TooManyRedirects(f"HTTP {response.status_code} is not followed")
            return response

    return _Session()
