"""What a user types wrong: one sentence that names it, exit code 2, and nothing is begun."""

from __future__ import annotations

import pytest

WRONG = {
    "an unknown option": (["scan", "--acounts", "current"], "--acounts"),
    "an unknown command": (["scna"], "did you mean scan?"),
    "a config file that is not there": (["scan", "--config", "none.toml"], "none.toml: the configuration file cannot"),
    "a config file that is no TOML": (
        ["scan", "--config", "broken.toml"],
        "broken.toml: the configuration file is not",
    ),
    "an unknown key": (
        ["scan", "--config", "key.toml"],
        "scope.acounts is not a setting; did you mean scope.accounts?",
    ),
    "an account id of five digits": (["scan", "--accounts", "12345"], "'12345' is not an account id (12 digits)"),
    "a Region that cannot be": (["scan", "--regions", "europe"], "'europe' is not a Region name (like eu-west-1)"),
    "an organization without a role": (["scan", "--accounts", "organization"], "name it with scope.role_name"),
    "an unknown sink": (["scan", "--demo", "--sink", "jsonnl:out"], "did you mean jsonl?"),
    "a sink in the place of a file": (["scan", "--demo", "--sink", "csv:a-file"], "a-file is a file"),
    "no credentials": (["scan", "--regions", "eu-west-1"], "No AWS credentials found; set AWS_PROFILE"),
    "a scan to resume that is not there": (["scan", "--resume", "20200101T000000Z-aaaaaa"], "no unfinished scan"),
    "a scan to ask that is not there": (["query", "FROM nodes", "--scan", "20200101T000000Z-aaaaaa"], "no committed"),
    "a scan to send that is not there": (["publish", "20200101T000000Z-aaaaaa", "--sink", "jsonl:-"], "no committed"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_named_in_one_sentence(terminal, mistake):
    arguments, named = WRONG[mistake]
    (terminal.folder / "broken.toml").write_text("x = [")
    (terminal.folder / "key.toml").write_text('[scope]\nacounts = "current"\n')
    (terminal.folder / "a-file").touch()
    ended = terminal.run(*arguments)
    assert (ended.code, ended.stdout) == (2, "")
    (sentence,) = ended.sentences
    assert named in sentence
    assert ended.stderr == f"patchsweep: {sentence}\n"
