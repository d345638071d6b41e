"""A message as a scan ends with one."""

from __future__ import annotations

from scanner.notify.message import Message

MESSAGE = Message(
    key="20261125T210048Z-623611",
    status="partial",
    exit_code=3,
    lines=["Scan 20261125T210048Z-623611 is partial.", "512 machines <all>"],
    document={"schema_version": 1, "status": "partial", "exit_code": 3, "notes": []},
)
