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
    is_ascii, colon = draw(st.booleans()), draw(st.sampled_from([":", ": ", " :\n"]))
    written = [json.dumps(name) + colon + json.dumps(value, ensure_ascii=is_ascii) for name, value in parts]
    body = (
        "{"
        + draw(st.sampled_from(["", " "]))
        + draw(st.sampled_from([",", ", "])).join(written)
        + draw(st.sampled_from(["}", " }\n"]))
    )
    if draw(st.integers(0, 9)) == 0:
        body = body.replace("NextToken", "NextToke\\u006e", draw(st.integers(1, 2)))
    return body.encode("utf-8", "surrogatepass")


def outcome(decode, body):
    try:
        page = decode(body)
    except Undecodable:
        return "refused"
    return rows_of_page(page), page.next_token, list(page.odd_rows)


@given(st.lists(bodies(), max_size=3), st.lists(st.sampled_from(["t", "u", "", " "]), max_size=4), st.integers(0, 400))
def test_no_page_is_read_otherwise_than_by_the_decoder_whatever_came_before_it(some, others, max_bytes):
    cache = PageCache(decode_patches, max_bytes)

    for body in some:
        alike = [re.sub(rb'("NextToken"\s*:\s*)"[^"]*"', rb'\1"%s"' % other.encode(), body) for other in others]
        for again in (body, *alike, body):
            assert outcome(cache.decode, again) == outcome(decode_patches, again)


class Counting:
    """Counts what it decodes."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def __call__(self, body: bytes) -> PatchPage:
        self.bodies.append(body)
        return decode_patches(body)


def page(*kb_ids, token="t"):
    return json.dumps({"Patches": [{"KBId": kb_id} for kb_id in kb_ids], "NextToken": token}).encode()


@pytest.mark.parametrize(
    "form",
    [
        '{"Patches":[{"KBId":"a"}],"NextToken":"%s"}',
        '{"NextToken":"%s","Patches":[{"KBId":"a"}]}',
        '{"Patches": [{"Title": "\\u0022NextToken\\u0022"}], "NextToken": "%s"}',
    ],
)
def test_pages_that_differ_in_the_token_alone_are_decoded_once(form):
    decode = Counting()
    cache = PageCache(decode)

    read = [cache.decode((form % token).encode()) for token in ("AAE/1+==", "AAE/2+==", "AAE/1+==")]

    assert len(decode.bodies) == 1
    assert [each.next_token for each in read] == ["AAE/1+==", "AAE/2+==", "AAE/1+=="]
    assert len({id(each.rows) for each in read}) == 1


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

    assert [cache.decode((form % text).encode()).next_token for text in "tutu"] == ["t"] * 4


def test_a_last_page_that_comes_again_is_decoded_once():
    decode = Counting()
    cache = PageCache(decode)

    read = [cache.decode(b'{"Patches":[{"KBId":"a"}]}') for _ in range(2)]

    assert len(decode.bodies) == 1
    assert [(rows_of_page(each), each.next_token) for each in read] == [([Patch("a")], None)] * 2


def test_pages_are_kept_up_to_a_bound_and_the_oldest_goes_first():
    decode = Counting()
    cache = PageCache(decode, max_bytes=2 * len(page("a", token="")))

    for kb_id in ("a", "b", "a", "c", "b", "a"):
        cache.decode(page(kb_id))

    assert [json.loads(body)["Patches"][0]["KBId"] for body in decode.bodies] == ["a", "b", "c", "a"]


def test_a_page_with_an_odd_row_is_decoded_each_time():
    decode = Counting()
    cache = PageCache(decode)

    read = [cache.decode(b'{"Patches":[{"KBId":"a","Severity":7}]}') for _ in range(2)]

    assert len(decode.bodies) == 2
    assert all(each.odd_rows for each in read)


def test_a_page_is_decoded_again_once_patches_get_other_numbers():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scanner.core.patch_rows.MAX_PATCHES", 1)
        numbering = PageNumbering()
        cache = PageCache(lambda body: PatchPage(numbering.numbered([Patch(body.decode())]), None), numbering=numbering)

        a, b, a_again, a_kept = (cache.decode(body).rows for body in (b"a", b"b", b"a", b"a"))

    assert a_kept is a_again
    assert a[0].known is not b[0].known is not a_again[0].known
