"""Messages for people and programs: whatever they quote, no secret is shown."""

from __future__ import annotations

import json

from scanner.cli.output import messages_are_json, print_message

ADDRESS = "postgresql://scanner:hunter2@db.example/patches"


def test_no_field_of_a_json_message_shows_a_password(capsys):
    token = messages_are_json.set(True)
    try:
        print_message(f"cannot open {ADDRESS}", "error", sink=ADDRESS, tries=3)
    finally:
        messages_are_json.reset(token)

    shown = capsys.readouterr().err
    assert "hunter2" not in shown
    message = json.loads(shown)
    assert message["tries"] == 3
    assert message["sink"].endswith("db.example/patches")
