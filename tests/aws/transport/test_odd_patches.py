"""A row of DescribeInstancePatches that is not what the API says costs itself alone, and is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws.transport.decoding import Undecodable
from scanner.aws.transport.wire import decode_patches
from tests.worded import rows_of_page

GOOD = ["a", "b"]
MEMBERS = ("KBId", "Title", "Classification", "Severity", "State", "InstalledTime", "CVEIds")
NUMBERS = ["7", "9" * 400, "1e400"]
OTHER_TYPES = ["[]", '["CVE-2026-1"]', "{}", '{"a":1}', "true"]
#: Each member with each value that its type does not allow.
ODD_MEMBERS = [
    (member, value)
    for member in MEMBERS
    for value in (OTHER_TYPES if member == "InstalledTime" else OTHER_TYPES + NUMBERS)
]


def page(*rows, token='"t"'):
    return f'{{"Patches":[{",".join(rows)}],"NextToken":{token}}}'.encode()


def good(kb_id):
    return f'{{"KBId":"{kb_id}","State":"Missing"}}'


def kb_ids(read):
    return [patch.kb_id for patch in rows_of_page(read)]


@pytest.mark.parametrize(("member", "value"), ODD_MEMBERS)
def test_a_member_of_another_type_costs_its_row_alone_and_names_it(member, value):
    name = {"KBId": "Title", "Title": "KBId"}.get(member, "KBId")
    read = decode_patches(page(good("a"), f'{{"{name}":"odd-1","{member}":{value}}}', good("b")))
    assert kb_ids(read) == GOOD
    assert read.next_token == "t"
    (odd,) = read.odd_rows
    assert odd.startswith("odd-1 (Expected ")
    assert f"$.{member}" in odd


@pytest.mark.parametrize("row", ["7", "null", '"x"', "[]", '[{"KBId":"a"}]', "true", '{"KBId":7,"Title":[]}'])
def test_a_row_that_is_no_object_or_has_no_name_costs_itself_alone(row):
    read = decode_patches(page(row, good("a"), good("b"), token="null"))
    assert (kb_ids(read), read.next_token) == (GOOD, None)
    (odd,) = read.odd_rows
    assert odd.startswith("a row without a name (")


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 400, "9" * 5000, "NaN", "-Infinity"])
def test_a_time_that_no_number_can_hold_costs_its_row_or_itself(number):
    read = decode_patches(page(good("a"), f'{{"KBId":"odd-1","InstalledTime":{number}}}', good("b")))
    assert [kb_id for kb_id in kb_ids(read) if kb_id != "odd-1"] == GOOD
    assert len(rows_of_page(read)) + len(read.odd_rows) == 3


@pytest.mark.parametrize("value", ['"a\xff"', '"a\\ud83d"', '"a\0b"', '"a\x01b"', "null", '"\\u0000"'])
@pytest.mark.parametrize("odd", ['{"KBId":"odd-1","Severity":7}', f'{{"KBId":"odd-1","InstalledTime":{"9" * 5000}}}'])
def test_broken_text_beside_an_odd_row_costs_no_other(value, odd):
    rows = [good("a"), f'{{"KBId":"b","Title":{value}}}', odd]
    read = decode_patches(page(*rows).replace("\xff".encode(), b"\xff"))
    assert kb_ids(read)[:2] == GOOD
    assert len(rows_of_page(read)) + len(read.odd_rows) == 3


def test_unknown_and_absent_members_cost_nothing():
    read = decode_patches(page('{"KBId":"a","New":{"deep":[1]}}', "{}", '{"KBId":"b","State":null}'))
    assert kb_ids(read) == ["a", "", "b"]
    assert read.odd_rows == ()


@pytest.mark.parametrize(
    "body", [b'{"Patches":[{"KBId":7}],"NextToken":7}', b'{"Patches":7}', b'{"Patches":[{"KBId":7}']
)
def test_an_answer_that_is_none_is_refused_as_a_whole(body):
    with pytest.raises(Undecodable):
        decode_patches(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*MEMBERS, "New"]), inner, max_size=2),
    max_leaves=5,
)


@given(st.lists(st.tuples(st.booleans(), JSON), max_size=8), st.booleans())
def test_whatever_stands_in_the_place_of_a_row_the_others_are_kept_in_their_order(rows, is_ascii):
    listed = [
        {"KBId": f"kb-{place}", "Title": "\ud83d"} if is_good else odd for place, (is_good, odd) in enumerate(rows)
    ]
    body = json.dumps({"Patches": listed}, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    read = decode_patches(body)
    wanted = [f"kb-{place}" for place, (is_good, _) in enumerate(rows) if is_good]
    assert [kb_id for kb_id in kb_ids(read) if kb_id and kb_id in wanted] == wanted
    assert len(rows_of_page(read)) + len(read.odd_rows) == len(rows)
