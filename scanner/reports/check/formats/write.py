"""Chooses the form in which the result of a check is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from scanner.reports.check.formats.documents import json_document, json_lines
from scanner.reports.check.formats.junit import junit_document
from scanner.reports.check.formats.markdown import markdown_document
from scanner.reports.check.formats.sarif import sarif_document
from scanner.reports.check.formats.text import text_document
from scanner.reports.check.result import CheckResult

CheckFormat = Literal["table", "json", "jsonl", "markdown", "junit", "sarif"]

_WRITERS: dict[str, Callable[[CheckResult], str]] = {
    "json": json_document,
    "jsonl": json_lines,
    "markdown": markdown_document,
    "junit": junit_document,
    "sarif": sarif_document,
}


def written(result: CheckResult, form: CheckFormat, width: int | None = None) -> str:
    """Returns the result in one of the forms; texts from outside are harmless in each.

    `width` is that of a terminal, which a table has to fit.
    """
    return text_document(result, width) if form == "table" else _WRITERS[form](result)
