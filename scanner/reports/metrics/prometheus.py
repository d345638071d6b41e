"""The numbers of a run as a text file for the textfile collector of Prometheus's node exporter.

Source: Prometheus documentation, "Exposition formats", text format 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable

from scanner.reports.metrics.values import Metric

PREFIX = "patchsweep_"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def prometheus_text(metrics: Iterable[Metric]) -> str:
    """Returns all metrics as gauges: they describe the newest run, and a restart counts nothing from zero."""
    lines: list[str] = []
    described: set[str] = set()
    for metric in metrics:
        name = PREFIX + metric.name
        if name not in described:
            described.add(name)
            lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} gauge"]
        label = f'{{{metric.label[0]}="{metric.label[1].translate(_ESCAPES)}"}}' if metric.label else ""
        lines.append(f"{name}{label} {_number(metric.value)}")
    return "".join(f"{line}\n" for line in lines)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
