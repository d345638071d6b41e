"""The numbers of a scan as other systems read them."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families

from scanner.core.errors import ConfigError
from scanner.reports.metrics.destination import metrics_target
from scanner.reports.metrics.emf import MOST_METRICS, emf_line
from scanner.reports.metrics.prometheus import prometheus_text
from scanner.reports.metrics.values import Metric, run_metrics, scan_metrics
from tests.cli.fake_app import FakeApp

#: The rules of "Specification: Embedded metric format", section by section.
_NAME = {"type": "string", "minLength": 1, "maxLength": 255}
_DEFINITION = {
    "type": "object",
    "required": ["Name"],
    "properties": {"Name": _NAME, "Unit": {"enum": ["Seconds", "Count", "None"]}},
    "additionalProperties": False,
}
_DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "properties": {
        "Namespace": _NAME,
        "Dimensions": {"type": "array", "minItems": 1, "items": {"type": "array", "maxItems": 9, "items": _NAME}},
        "Metrics": {"type": "array", "maxItems": 100, "items": _DEFINITION},
    },
    "additionalProperties": False,
}
EMBEDDED_METRIC_FORMAT = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {"type": "array", "items": _DIRECTIVE},
            },
        }
    },
}


def result():
    return structs.replace(FakeApp().ending, missing={"Critical": 3, 'odd"\\\n': 1}, elapsed_s=12.5)


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus_reads_every_number_and_label_back():
    shown = samples(prometheus_text(scan_metrics(result(), 3)))

    assert shown["patchsweep_exit_code",] == 3
    assert shown["patchsweep_scan_duration_seconds",] == 12.5
    assert shown["patchsweep_missing_patches", ("severity", 'odd"\\\n')] == 1
    assert len(shown) == len(scan_metrics(result(), 3))


def test_each_metric_is_described_once_though_it_has_many_labels():
    text = prometheus_text(scan_metrics(result(), 0))

    assert text.count("# TYPE patchsweep_nodes gauge\n") == 1
    assert all(family.documentation for family in text_string_to_metric_families(text))


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_prometheus_reads_any_label_back(label, value):
    text = prometheus_text([Metric("m", "help", value, ("reason", label.replace("\r", "")))])

    assert samples(text) == {("patchsweep_m", ("reason", label.replace("\r", ""))): value}


def test_a_line_of_the_embedded_metric_format_follows_its_specification():
    line = emf_line(scan_metrics(result(), 3), "patchsweep", 1_795_132_800_000, scan_id="s", status="partial")

    document = json.loads(line)
    jsonschema.validate(document, EMBEDDED_METRIC_FORMAT)
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    names = [metric["Name"] for metric in directive["Metrics"]]
    assert all(isinstance(document[name], int | float) for name in names)
    assert {"ExitCode", "ScanCommitted", "MissingPatchesCritical", "ScanDurationSeconds"} <= {*names}
    assert "\n" not in line


def test_names_that_agree_are_added_up_and_there_are_never_too_many():
    many = [Metric("m", "", 1, ("reason", f"r{number}")) for number in range(200)]

    assert (
        json.loads(emf_line([Metric("m", "", 1, ("s", "low")), Metric("m", "", 2, ("s", "Low"))], "n", 0))["MLow"] == 3
    )
    (directive,) = json.loads(emf_line(many, "n", 0))["_aws"]["CloudWatchMetrics"]
    assert len(directive["Metrics"]) == MOST_METRICS


def test_a_run_without_a_scan_says_so_in_numbers():
    assert samples(prometheus_text(run_metrics(1, 5.0, is_committed=False))) == {
        ("patchsweep_exit_code",): 1,
        ("patchsweep_scan_committed",): 0,
        ("patchsweep_run_end_timestamp_seconds",): 5.0,
    }


@pytest.mark.parametrize("text", ["", "statsd:x", "prometheus", "prometheus:", "otel:http://x"])
def test_other_places_are_refused(text):
    with pytest.raises(ConfigError):
        metrics_target(text)
