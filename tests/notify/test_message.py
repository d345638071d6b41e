from __future__ import annotations

import json

from msgspec import structs

from scanner.notify.message import MAX_BYTES, MAX_SUBJECT
from tests.notify.messages import MESSAGE


def test_a_document_that_is_too_long_loses_its_least_needed_members_and_names_them():
    document = {**MESSAGE.document, "notes": ["n" * 100] * 2_000, "not_asked": ["n" * 100] * 2_000, "gaps": {"x": 1}}

    body = structs.replace(MESSAGE, document=document).body()

    assert len(body) <= MAX_BYTES
    assert json.loads(body) == {
        "schema_version": 1,
        "status": "partial",
        "exit_code": 3,
        "notes": ["n" * 100] * 2_000,
        "gaps": {"x": 1},
        "left_out": ["not_asked"],
    }


def test_a_subject_is_one_short_line_of_ascii():
    subject = structs.replace(MESSAGE, lines=["Zürich " * 40]).subject

    assert subject.isascii()
    assert len(subject) == MAX_SUBJECT
