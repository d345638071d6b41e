"""The numbers of a run as one line of CloudWatch's embedded metric format, from which CloudWatch Logs makes metrics.

Source: Amazon CloudWatch user guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from scanner.reports.metrics.values import Metric

MOST_METRICS = 100  # of one line
_UNITS = {"seconds": "Seconds", "": "Count"}


def emf_line(metrics: Iterable[Metric], namespace: str, at_ms: int, **properties: str) -> str:
    """Returns a JSON object without dimensions, so that an alarm needs to know no more than a metric's name.

    Args:
        metrics: labels become a part of the name, `MissingPatchesCritical`; names that agree then are added up.
        namespace: in CloudWatch.
        at_ms: the time of the values, in milliseconds since 1970.
        properties: what a person who looks at the log line wants to know; they become no metrics.
    """
    values: dict[str, float] = {}
    units: dict[str, str] = {}
    for metric in metrics:
        name = _camel(metric.name) + (_camel(metric.label[1]) if metric.label else "")
        if name not in values and len(values) == MOST_METRICS:
            continue
        values[name] = values.get(name, 0) + metric.value
        units[name] = _UNITS[metric.unit]
    definitions = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    directive = {"Namespace": namespace, "Dimensions": [[]], "Metrics": definitions}
    metadata = {"Timestamp": at_ms, "CloudWatchMetrics": [directive]}
    return msgspec.json.encode({"_aws": metadata, **properties, **values}).decode()


def _camel(name: str) -> str:
    words = "".join(char if char.isascii() and char.isalnum() else " " for char in name).split()
    return "".join(word[:1].upper() + word[1:] for word in words)
