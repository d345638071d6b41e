"""What an OpenTelemetry collector gets over HTTP."""

from __future__ import annotations

import gzip

import pytest
from aiohttp import web

from scanner.core.errors import NotificationError
from scanner.notify import otel
from scanner.reports.metrics.values import Metric
from tests.notify.receiver import receiving

service = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
pytestmark = pytest.mark.slow

METRICS = [Metric("exit_code", "Exit code.", 3), Metric("nodes", "Nodes.", 7, ("status", "verified"))]


async def test_a_collector_gets_each_number_once_with_its_label(monkeypatch):
    async with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        await otel.export(METRICS, 10.0)

    (posted,) = receiver.posted
    assert posted.path == "/v1/metrics"
    body = gzip.decompress(posted.body) if posted.headers.get("Content-Encoding") == "gzip" else posted.body
    request = service.ExportMetricsServiceRequest.FromString(body)
    got = {
        metric.name: [
            (point.as_double or point.as_int, [(each.key, each.value.string_value) for each in point.attributes])
            for point in metric.gauge.data_points
        ]
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert got == {"patchsweep.exit_code": [(3, [])], "patchsweep.nodes": [(7, [("status", "verified")])]}


async def test_a_collector_that_refuses_is_named(monkeypatch):
    async with receiving(lambda _: web.Response(status=403)) as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        with pytest.raises(NotificationError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
            await otel.export(METRICS, 10.0)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_no_success_and_its_place_gets_no_header(monkeypatch, status):
    async with receiving() as elsewhere:
        location = {"Location": f"{elsewhere.url}/v1/metrics".replace("127.0.0.1", "localhost")}
        async with receiving(lambda _: web.Response(status=status, headers=location)) as receiver:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret")
            with pytest.raises(NotificationError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
                await otel.export(METRICS, 10.0)

    assert len(receiver.posted) == 1
    assert elsewhere.posted == []
