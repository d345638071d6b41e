"""Pages that come again: taken from the cache, and never other than the decoder would have read them."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws.transport.decoding import Undecodable
from scanner.aws.transport.page_cache import PageCache
from scanner.aws.transport.wire import _decode_patches as decode_patches
from scanner.core.patch_rows import PageNumbering, Patch, PatchPage
from tests.worded import rows_of_page

pytestmark = pytest.mark.slow

#: Text that could be taken for a token or for the end of one.
TRAPS = [
    '"NextToken"',
    '"NextToken":"x"}',
    'x"NextToken',
    "NextToken",
    '\\"NextToken":"x"}',
    "}",
    '"',
    "\\",
    "\ud83d",
    ",",
]
texts = st.text(max_size=3) | st.sampled_from(TRAPS)
tokens = st.none() | st.text(max_size=4) | st.sampled_from(["AAE/b+c==", "", " ", *TRAPS])
rows = st.fixed_dictionaries(
    {},
    optional={
        "KBId": texts,
        "Title": texts,
        "NextToken": texts,
        "State": texts,
        "InstalledTime": st.integers(0, 9) | texts,
    },
)
names = st.sampled_from(["NextToken", "NextToken", "Patches", "Unknown", 'x"NextToken', "\\NextToken"])
members = st.lists(st.tuples(names, tokens | st.lists(rows, max_size=2)), max_size=3)


@st.composite
def bodies(draw):
    """An answer, mostly of a right form; its members are in any order, may come twice and be written in escapes."""
    listed = [("Patches", draw(st.lists(rows, max_size=3))), ("NextToken", draw(tokens))]
    parts = draw(st.permutations(listed)) if draw(st.booleans()) else draw(st.permutations([*listed, *draw(members)]))
    is_ascii, blank = draw(st.booleans()), draw(st.sampled_from(["", "", "", " "]))
    written = [f"{json.dumps(name)}:{blank}{json.dumps(value, ensure_ascii=is_ascii)}" for name, value in parts]
    body = f"{{{f',{blank}'.join(written)}{blank}}}"
    if draw(st.integers(0, 9)) == 0:
        body = body.replace("NextToken", "NextToke\\u006e", draw(st.integers(1, 2)))
    return body.encode("utf-8", "surrogatepass")


def outcome(decode, body):
    try:
        page = decode(body)
    except Undecodable:
        return "refused"
    return rows_of_page(page), page.next_token, list(page.odd_rows)


@given(
    st.lists(bodies(), max_size=3),
    st.lists(st.sampled_from(["t", "u", "", " ", "\0", "\x7f"]), max_size=4),
    st.integers(0, 400),
)
def test_no_page_is_read_otherwise_than_by_the_decoder_whatever_came_before_it(some, others, max_bytes):
    cache = PageCache(decode_patches, max_bytes)

    for body in some:
        alike = [re.sub(rb'("NextToken"\s*:\s*)"[^"]*"', rb'\1"%s"' % other.encode(), body) for other in others]
        for again in (body, body, *alike, body):
            assert outcome(cache.decode, again) == outcome(decode_patches, again)


class Counting:
    """Counts what it decodes."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def __call__(self, body: bytes) -> PatchPage:
        self.bodies.append(body)
        return decode_patches(body)


def page(*kb_ids, token="t"):
    return json.dumps(
        {"Patches": [{"KBId": kb_id} for kb_id in kb_ids], "NextToken": token}, separators=(",", ":")
    ).encode()


@pytest.mark.parametrize(
    "form",
    [
        '{"Patches":[{"KBId":"a"}],"NextToken":"%s"}',
        '{"NextToken":"%s","Patches":[{"KBId":"a"}]}',
        '{"Patches":[{"Title":"\\u0022NextToken\\u0022"}],"NextToken":"%s"}',
    ],
)
def test_pages_that_differ_in_the_token_alone_are_decoded_twice(form):
    decode = Counting()
    cache = PageCache(decode)

    tokens = [f"AAE/{number}+==" for number in range(5)]
    read = [cache.decode((form % token).encode()) for token in tokens]

    assert len(decode.bodies) == 2
    assert [each.next_token for each in read] == tokens
    assert len({id(each.rows) for each in read[1:]}) == 1


@pytest.mark.parametrize(
    "form",
    [
        '{"NextToken":"t","Patches":[],"x\\"NextToken":"%s"}',
        '{"NextToken":"%s","Patches":[],"NextToken":"t","New":1}',
        '{"NextToken":"%s","Patches":[],"NextToke\\u006e":"t"}',
        '{"NextToken":"t","Patches":[],"New":{"NextToken":"%s"}}',
        '{"NextToken":"t","Patches":[{"NextToken":"%s"}]}',
        '{"New":{"NextToken":"%s","x":1},"Patches":[],"NextToken":"t"}',
    ],
)
def test_a_text_that_only_looks_like_the_token_is_none(form):
    cache = PageCache(decode_patches)

    assert [cache.decode((form % text).encode()).next_token for text in "ttutu"] == ["t"] * 5


LONG = '{"KBId":"%s"}' % ("x" * 1000)


@pytest.mark.parametrize(
    "form",
    [
        f'{{"Patches":[{{"KBId":"%s"}},{LONG}],"NextToken":"t"}}',
        f'{{"NextToken":"t","Patches":[{LONG},{{"KBId":"%s"}}]}}',
        f'{{"Patches":[{{"KBId":"%s"}},{LONG}]}}',
    ],
)
def test_pages_that_look_alike_around_the_token_are_told_apart(form):
    cache = PageCache(decode_patches)

    read = [rows_of_page(cache.decode((form % kb_id).encode())) for kb_id in "aaababb"]

    assert ["".join(row.kb_id for row in rows if len(row.kb_id) == 1) for rows in read] == [*"aaababb"]


def test_a_last_page_that_comes_again_is_decoded_twice():
    decode = Counting()
    cache = PageCache(decode)

    read = [cache.decode(b'{"Patches":[{"KBId":"a"}]}') for _ in range(4)]

    assert len(decode.bodies) == 2
    assert [(rows_of_page(each), each.next_token) for each in read] == [([Patch("a")], None)] * 4


def decoded_in_turn(cache, decode, *kb_ids):
    """Which of these pages are decoded."""
    before = len(decode.bodies)
    for kb_id in kb_ids:
        cache.decode(page(kb_id))
    return [json.loads(body)["Patches"][0]["KBId"] for body in decode.bodies[before:]]


def test_pages_are_kept_up_to_a_bound_and_the_oldest_goes_first():
    decode = Counting()
    cache = PageCache(decode, max_bytes=2 * len(page("a", token="")))

    assert decoded_in_turn(cache, decode, *"aabb") == [*"aabb"]
    assert decoded_in_turn(cache, decode, *"abcab") == ["c"]
    assert decoded_in_turn(cache, decode, *"ccba") == ["c", "a"]


def test_pages_that_never_come_again_are_not_kept():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scanner.aws.transport.page_cache.MAX_SEEN", 2)
        decode = Counting()
        cache = PageCache(decode)

        assert decoded_in_turn(cache, decode, *"abcabcabc") == [*"abcabcabc"]
        assert decoded_in_turn(cache, decode, *"ccc") == ["c"]


def test_a_fleet_whose_pages_all_differ_has_few_of_them_looked_for_and_is_tried_again():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scanner.aws.transport.page_cache.ROUND_PAGES", 8)
        patch.setattr("scanner.aws.transport.page_cache.PAUSE_PAGES", 20)
        decode = Counting()
        cache = PageCache(decode)

        assert len(decoded_in_turn(cache, decode, *map(str, range(8)))) == 8
        assert decoded_in_turn(cache, decode, *"a" * 20) == [*"a" * 20]
        assert decoded_in_turn(cache, decode, *"a" * 50) == [*"aa"]


def test_a_page_with_an_odd_row_is_decoded_each_time():
    decode = Counting()
    cache = PageCache(decode)

    read = [cache.decode(b'{"Patches":[{"KBId":"a","Severity":7}]}') for _ in range(4)]

    assert len(decode.bodies) == 4
    assert all(each.odd_rows for each in read)


def test_a_page_is_decoded_again_once_patches_get_other_numbers():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scanner.core.patch_rows.MAX_PATCHES", 1)
        numbering = PageNumbering()
        cache = PageCache(lambda body: PatchPage(numbering.numbered([Patch(body.decode())]), None), numbering=numbering)

        rows = [cache.decode(body).rows for body in (b"a", b"a", b"a", b"b", b"a", b"a")]

    _, kept, kept_again, other, numbered_again, kept_at_last = rows
    assert kept_again is kept
    assert kept_at_last is numbered_again is not kept
    assert kept[0].known is not other[0].known is not numbered_again[0].known
