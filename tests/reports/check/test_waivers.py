from __future__ import annotations

from datetime import date

import pytest

from scanner.core.errors import ConfigError
from scanner.reports.check.waivers import read_waivers

TOML = b"""
[[waivers]]
account = "111122223333"
cve = "cve-2026-12345"
reason = "the vendor forbids it"
approver = "security@example.com"
expires = 2026-12-31

[[waivers]]
tag = "Team=lab"
reason = "no data"
approver = "x"
expires = "2027-01-31"
"""
CSV = (
    b"\xef\xbb\xbfaccount,ou,tag,node,kb_id,cve,reason,approver,expires\r\n"
    b'111122223333,,,,,CVE-2026-12345,"the vendor, alas",me,2026-12-31\r\n'
    b",ou-b-12345678,,i-1,KB5122876,,x,y,2026-01-01\r\n"
)
WHOLE = 'reason = "r"\napprover = "a"\nexpires = 2026-12-31\n'


def test_waivers_are_read_from_toml():
    first, second = read_waivers(TOML, "waivers.toml")

    assert (first.account, first.cve, first.expires) == ("111122223333", "CVE-2026-12345", date(2026, 12, 31))
    assert (second.tag, second.expires) == ("Team=lab", date(2027, 1, 31))
    assert second.label == "waiver 2 (tag Team=lab)"


def test_waivers_are_read_from_csv():
    first, second = read_waivers(CSV, "waivers.csv")

    assert (first.account, first.reason) == ("111122223333", "the vendor, alas")
    assert (second.ou, second.node, second.kb_id, second.account) == ("ou-b-12345678", "i-1", "KB5122876", None)


def test_a_blank_cell_is_no_condition():
    (waiver,) = read_waivers(b"account,node,reason,approver,expires\n   ,i-1,r,a,2026-12-31\n", "waivers.csv")

    assert (waiver.account, waiver.node) == (None, "i-1")


def test_a_file_without_waivers_has_none():
    assert read_waivers(b"", "waivers.toml") == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[waivers]]\nnode = "i-1"\napprover = "a"\nexpires = 2026-12-31', "waiver 1: reason is missing"),
        (f"[[waivers]]\n{WHOLE}", "names no condition"),
        (f'[[waivers]]\nnod = "i-1"\n{WHOLE}', "did you mean"),
        (f"[[waivers]]\naccount = 111122223333\n{WHOLE}", "in quotes"),
        (f'[[waivers]]\naccount = "1"\n{WHOLE}', "twelve digits"),
        (f'[[waivers]]\ncve = "CVE-1"\n{WHOLE}', "CVE-2026-12345"),
        (f'[[waivers]]\ntag = "Team"\n{WHOLE}', "KEY=VALUE"),
        (f'[[waivers]]\nkb_id = "KB1"\naccount = ""\n{WHOLE}', "account is empty"),
        (f'[[waivers]]\nkb_id = "KB1"\ncve = "  "\n{WHOLE}', "cve is empty"),
        ('[[waivers]]\nnode = "i-1"\nreason = "r"\napprover = "a"\nexpires = "soon"', "YYYY-MM-DD"),
        ("waivers = 7", "[[waivers]]"),
        ('[waiver]\nnode = "i-1"', "[[waivers]]"),
        ("[[waivers", "not valid TOML"),
        ("a = " + "[" * 10_000, "not valid TOML"),
    ],
    ids=lambda value: value[:40],
)
def test_a_waiver_that_is_incomplete_is_refused_by_its_number(text, says):
    with pytest.raises(ConfigError) as refused:
        read_waivers(text.encode(), "waivers.toml")

    assert says in str(refused.value)
    assert str(refused.value).startswith("waivers.toml: ")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"node,why\r\ni-1,x\r\n", "first line"),
        (b"\xff\xfe", "UTF-8"),
        (b'reason,approver,expires,node\r\n"a', "CSV"),
        (b"reason,approver,expires,node,kb_id,node\r\nr,a,2026-12-31,i-1,KB1,\r\n", "twice"),
    ],
)
def test_a_csv_file_of_another_shape_is_refused(data, says):
    with pytest.raises(ConfigError, match=says):
        read_waivers(data, "waivers.csv")
