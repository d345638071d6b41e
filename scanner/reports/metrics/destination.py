"""Where metrics go, parsed from what the user wrote."""

from __future__ import annotations

from scanner.core.errors import ConfigError


def metrics_target(text: str) -> tuple[str, str]:
    """Returns the kind of `emf`, `emf:FILE`, `prometheus:FILE` or `otel`, and the file or nothing.

    Raises:
        ConfigError: it is none of these.
    """
    kind, _, file = text.partition(":")
    if kind not in ("emf", "prometheus", "otel") or (kind == "prometheus" and not file) or (kind == "otel" and file):
        raise ConfigError(f"{text!r} is not a place for metrics; use emf, emf:FILE, prometheus:FILE or otel")
    return kind, file
