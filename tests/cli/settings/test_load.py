from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.cli.settings.keys import KEYS, VARIABLES
from scanner.cli.settings.load import load, typed
from scanner.core.errors import ConfigError
from scanner.core.settings import LimitSettings, NodeSettings, PatchSettings, Settings

DATA = Path(__file__).parent / "data"


def lines_of(config=None, environ=None, options=None):
    with pytest.raises(ConfigError) as caught:
        load(config, environ or {}, options or {})
    return str(caught.value).splitlines()


@pytest.mark.parametrize("path", sorted(DATA.glob("*.bad.toml")), ids=lambda path: path.name)
def test_a_bad_file_is_refused_with_every_fault_it_names_in_its_head(path):
    expected = [line[2:] for line in path.read_text().splitlines() if line.startswith("# ")]

    assert sorted(lines_of(str(path))) == sorted(f"{path}: {line}" for line in expected)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.ok.toml")), ids=lambda path: path.name)
def test_a_good_file_is_taken(path):
    load(str(path), {}, {})


def test_lists_may_be_written_as_one_text():
    settings = load(str(DATA / "lists-as-text.ok.toml"), {}, {})

    assert settings.sinks == ("jsonl:-", "csv:./out")
    assert settings.scope.accounts == ("111122223333", "444455556666")
    assert settings.nodes.tags == {"Patch Group": ("web", "db")}


def test_names_out_of_a_closed_set_come_in_any_case():
    settings = load(str(DATA / "names-in-any-case.ok.toml"), {}, {})

    assert settings.mode == "delta"
    assert settings.nodes.platform_types == ("Windows", "MacOS")
    assert settings.patches.states == ("MISSING", "INSTALLED_OTHER")


def test_whoever_lowers_the_ceiling_alone_lowers_the_start_with_it():
    limits = load(str(DATA / "ceiling-lowered-alone.ok.toml"), {}, {}).limits

    assert (limits.min_rate_per_s, limits.rate_per_s, limits.max_rate_per_s) == (0.25, 0.25, 0.25)


def test_nothing_given_means_the_defaults():
    assert load(None, {}, {}) == Settings()
    assert load(str(DATA / "empty.ok.toml"), {}, {}) == Settings()


def test_the_file_may_be_named_by_a_variable_and_the_option_wins_over_it(tmp_path):
    (tmp_path / "a.toml").write_text('mode = "delta"')
    (tmp_path / "b.toml").write_text("full_scan_every_days = 3")
    environ = {"PATCHSWEEP_CONFIG": str(tmp_path / "a.toml")}

    assert load(None, environ, {}) == Settings(mode="delta")
    assert load(str(tmp_path / "b.toml"), environ, {}) == Settings(full_scan_every_days=3)


def test_no_file_is_read_that_nobody_named(tmp_path, monkeypatch):
    (tmp_path / "patchsweep.toml").write_text('mode = "delta"')
    monkeypatch.chdir(tmp_path)

    assert load(None, {}, {}) == Settings()


def test_a_file_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "nowhere.toml"

    assert lines_of(str(path)) == [f"{path}: the configuration file cannot be read: No such file or directory"]


def test_a_file_that_is_not_toml_is_named_with_the_line(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("mode = full")

    assert lines_of(str(path)) == [
        f"{path}: the configuration file is not valid TOML: Invalid value (at line 1, column 8)"
    ]


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(b'mode = "\xff"')

    assert lines_of(str(path)) == [
        f"{path}: the configuration file is not UTF-8 text (line 1, byte 0xff); save it as UTF-8"
    ]


def test_the_faults_of_all_layers_come_together_each_by_the_name_its_user_knows(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("full_scan_every_days = 0\n[limits]\nburst = 'x'")
    environ = {"PATCHSWEEP_ROLENAME": "reader", "PATCHSWEEP_RATE": "slow", "PATCHSWEEP_REGIONS": "mars"}

    assert lines_of(str(path), environ, {"scope.accounts": "12"}) == [
        "PATCHSWEEP_ROLENAME is not a setting; did you mean PATCHSWEEP_ROLE_NAME?",
        f'{path}: limits.burst: expected a number, got "x"',
        'PATCHSWEEP_RATE (limits.rate_per_s): expected a number, got "slow"',
        "--accounts (scope.accounts): '12' is not an account id (12 digits)",
        "PATCHSWEEP_REGIONS (scope.regions): 'mars' is not a Region name (like eu-west-1)",
        f"{path}: full_scan_every_days: 0 is not at least 1",
    ]


def test_a_wrong_value_is_refused_even_where_a_later_layer_overrides_it():
    lines = lines_of(environ={"PATCHSWEEP_RATE": "slow"}, options={"limits.rate_per_s": "5"})

    assert lines == ['PATCHSWEEP_RATE (limits.rate_per_s): expected a number, got "slow"']


def test_an_empty_variable_counts_as_not_set():
    assert load(None, {"PATCHSWEEP_ROLE_NAME": "", "PATCHSWEEP_CONFIG": ""}, {}) == Settings()


def test_variables_of_others_are_none_of_ours():
    assert load(None, {"PATCHSWEEPER": "x", "AWS_REGION": "eu-west-1"}, {}) == Settings()


def test_tags_as_text_may_hold_spaces_and_several_values():
    environ = {"PATCHSWEEP_TAG": "Patch Group=web servers,db;Env=prod"}

    assert load(None, environ, {}).nodes.tags == {"Patch Group": ("web servers", "db"), "Env": ("prod",)}


def test_a_repeated_tag_option_adds_its_values():
    options = {"nodes.tags": ("Env=prod", "Env=test", "Team=a")}

    assert load(None, {}, options).nodes == NodeSettings(tags={"Env": ("prod", "test"), "Team": ("a",)})


@pytest.mark.parametrize("text", ["Env", "=prod", "Env="])
def test_a_tag_that_is_not_key_and_value_is_refused(text):
    assert lines_of(options={"nodes.tags": (text,)}) == [
        f'--tag (nodes.tags): expected KEY=VALUE, got "{text}"',
    ]


@pytest.mark.parametrize(("text", "progress"), [("Yes", True), ("off", False), ("1", True), ("FALSE", False)])
def test_a_switch_as_a_variable_takes_the_usual_words(text, progress):
    assert load(None, {"PATCHSWEEP_PROGRESS": text}, {}).progress is progress


def test_control_characters_of_a_value_do_not_reach_the_message():
    (line,) = lines_of(options={"mode": "\x1b[31mred"})

    assert line == '--mode (mode): expected one of full, delta, lean, got "\\u001b[31mred"'


def test_no_message_and_no_repr_shows_a_secret():
    options = {"scope.external_id": "hush hush", "sinks": ("postgresql://me:p@ss@db/x", "jsonl")}
    text = "\n".join(lines_of(options=options))
    settings = load(None, {"PATCHSWEEP_EXTERNAL_ID": "hush"}, {"sinks": ("postgresql://me:p@ss@db/x?sslpassword=k1",)})

    for shown in (text, repr(settings), str(settings.scope)):
        assert "hush" not in shown
        assert "p@ss" not in shown
        assert "k1" not in shown
    assert settings.scope.external_id == "hush"


def test_every_key_has_a_variable_of_its_own():
    assert len(VARIABLES) == len(KEYS)


NUMBERS = st.integers(1, 19)


@given(st.none() | NUMBERS, st.none() | NUMBERS, st.none() | NUMBERS)
def test_options_win_over_variables_and_variables_over_the_file(tmp_path_factory, in_file, in_variable, in_option):
    path = tmp_path_factory.getbasetemp() / "precedence.toml"
    path.write_text("" if in_file is None else f"[limits]\nrate_per_s = {in_file}")
    environ = {} if in_variable is None else {"PATCHSWEEP_RATE": str(in_variable)}
    options = {"limits.rate_per_s": None if in_option is None else str(in_option)}
    given_rates = [rate for rate in (in_option, in_variable, in_file) if rate is not None]

    settings = load(str(path), environ, options)

    assert settings.limits.rate_per_s == (given_rates[0] if given_rates else LimitSettings().rate_per_s)


LISTS = st.lists(st.sampled_from(["Critical", "Important", "Low"]), min_size=1)


@given(st.fixed_dictionaries({}, optional={"severities": LISTS, "page_size": st.integers(10, 100)}))
def test_a_setting_means_the_same_in_every_layer(values):
    texts = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in values.items()}
    wanted = Settings(
        patches=PatchSettings(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})
    )

    assert load(None, {f"PATCHSWEEP_{name.upper()}": text for name, text in texts.items()}, {}) == wanted
    assert load(None, {}, {f"patches.{name}": text for name, text in texts.items()}) == wanted


@given(
    st.sampled_from(list(KEYS.values())), st.text() | st.integers() | st.floats() | st.booleans() | st.lists(st.text())
)
def test_whatever_is_given_comes_out_typed_or_as_a_sentence(key, value):
    try:
        typed(key, value)
    except ValueError as error:
        assert str(error).startswith("expected ")  # noqa: PT017 - either end is right


SERVICE_LINKS = {
    "PATCHSWEEP_PORT": "tcp://10.0.0.7:443",
    "PATCHSWEEP_SERVICE_HOST": "10.0.0.7",
    "PATCHSWEEP_SERVICE_PORT": "443",
    "PATCHSWEEP_SERVICE_PORT_HTTPS": "443",
    "PATCHSWEEP_PORT_443_TCP": "tcp://10.0.0.7:443",
    "PATCHSWEEP_PORT_443_TCP_PROTO": "tcp",
    "PATCHSWEEP_PORT_443_TCP_PORT": "443",
    "PATCHSWEEP_PORT_443_TCP_ADDR": "10.0.0.7",
}


def test_the_variables_of_a_kubernetes_service_of_our_name_are_skipped():
    assert load(None, SERVICE_LINKS, {}) == Settings()


@pytest.mark.parametrize("name", ["PATCHSWEEP_PORTS", "PATCHSWEEP_PORT_443", "PATCHSWEEP_SERVICE", "PATCHSWEEP_STOR"])
def test_a_variable_that_only_looks_like_one_of_them_is_still_refused(name):
    assert lines_of(environ={name: "x"})[0].startswith(f"{name} is not a setting")


@pytest.mark.parametrize(
    "data",
    [b"\xef\xbb\xbfmode = 'delta'\n", b"mode = 'delta'\r\n", b"\xef\xbb\xbf# \xc3\xa9\r\nmode = 'delta'\r\n"],
    ids=["byte order mark", "line ends of Windows", "both"],
)
def test_a_file_as_an_editor_on_windows_writes_it_is_read(tmp_path, data):
    (tmp_path / "c.toml").write_bytes(data)

    assert load(str(tmp_path / "c.toml"), {}, {}).mode == "delta"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("mode = 'delta'".encode("utf-16"), "is not UTF-8 text: it is UTF-16 text; save it as UTF-8"),
        ("mode = 'delta'".encode("utf-16-le"), "is not UTF-8 text: it is UTF-16 text; save it as UTF-8"),
        (b"mode = 'delta\0'", "is not UTF-8 text: it is not a text file (a NUL byte); save it as UTF-8"),
        (b"# fine\n# caf\xe9\n", "is not UTF-8 text (line 2, byte 0xe9); save it as UTF-8"),
        (b"mode = ", "is not valid TOML: "),
        (b"a = " + b"[" * 20_000, "is not valid TOML: "),
    ],
    ids=["UTF-16", "UTF-16 without a mark", "NUL", "latin-1", "no value", "deep"],
)
def test_a_file_that_is_not_toml_in_utf_8_is_refused_in_one_right_sentence(tmp_path, data, sentence):
    path = tmp_path / "c.toml"
    path.write_bytes(data)

    (line,) = lines_of(config=str(path))
    assert line.startswith(f"{path}: the configuration file {sentence}")


TEXTS = [key for key in KEYS.values() if key.kind in (str, str | None) or (key.is_list and not key.choices)]


@pytest.mark.parametrize("key", TEXTS, ids=lambda key: key.path)
@pytest.mark.parametrize("char", ["\r", "\0", "\x1b", "\x85", "\u2028", "\udce9"])
def test_a_control_character_is_refused_in_every_text(key, char):
    value = {"sinks": f"csv:out{char}", "store.location": f"data{char}"}.get(key.path, f"ab{char}c")
    lines = lines_of(options={key.path: (value,) if key.is_list else value})

    assert any(line.startswith(f"{key.option} ({key.path}): the value has ") for line in lines)
    assert not any(char in line for line in lines)


def test_a_control_character_is_refused_in_a_tag():
    assert "U+000D" in lines_of(options={"nodes.tags": ("E\rnv=prod",)})[0]
