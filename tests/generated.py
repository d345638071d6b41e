"""The files that are written from the code: `python -m tests.generated` writes them again."""

from __future__ import annotations

from pathlib import Path

from scanner.reports.data_dictionary import markdown_document
from tests.deploy.athena_template import athena_template
from tests.store.format_document import store_format_document

ROOT = Path(__file__).parent.parent
FILES = {
    "docs/tables.md": markdown_document,
    "docs/store-format.md": store_format_document,
    "deploy/cloudformation/athena.yaml": athena_template,
}

if __name__ == "__main__":
    for name, content in FILES.items():
        (ROOT / name).write_text(content(), encoding="utf-8")
