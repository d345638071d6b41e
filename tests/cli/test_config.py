"""`config show` and `config validate`."""

from __future__ import annotations

import json

from tests.cli.running import run


def test_every_setting_is_shown_with_its_origin_and_no_secret(tmp_path, monkeypatch):
    (tmp_path / "c.toml").write_text(
        'mode = "delta"\nsinks = ["postgresql://ann:hush@db/x"]\n[scope]\nexternal_id = "hush"\n'
    )
    monkeypatch.setenv("PATCHSWEEP_RATE", "5")

    ended = run("config", "show", "--origin", "--config", "c.toml")

    rows = {line.split()[0]: line for line in ended.stdout.splitlines()}
    assert ended.code == 0
    assert rows["mode"].split()[1:] == ["delta", "c.toml:", "mode"]
    assert "PATCHSWEEP_RATE (limits.rate_per_s)" in rows["limits.rate_per_s"]
    assert rows["log_format"].endswith("default")
    assert "hush" not in ended.stdout


def test_settings_as_json_have_a_schema_version():
    shown = json.loads(run("config", "show", "--format", "json").stdout)

    assert (shown["schema_version"], shown["settings"]["mode"]) == (1, "full")
    assert "origins" not in shown


def test_validation_reports_every_problem_and_calls_nothing(monkeypatch):
    assert run("config", "validate")[:2] == (0, "OK\n")
    monkeypatch.setenv("PATCHSWEEP_MODE", "fast")
    monkeypatch.setenv("PATCHSWEEP_RATES", "1")

    ended = run("config", "validate")
    assert (ended.code, len(ended.stderr.splitlines())) == (2, 2)
