"""Pages of patches, decoded with the words that are known and without: there is no difference but in time."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws.transport.patch_decoder import PatchDecoder, PatchesAnswer

PLAIN = msgspec.json.Decoder(PatchesAnswer)
words = st.sampled_from(["", "Installed", "Missing", "Critical", "wörter", 'a"b', "\0", "Installed ", "installed"])
values = words | st.none() | st.integers() | st.text(max_size=3) | st.lists(words, max_size=1)
members = st.sampled_from(["State", "Severity", "Classification", "Title", "KBId", "CVEIds", "Other"])
rows = st.dictionaries(members, words, max_size=7) | st.dictionaries(members, values, max_size=7)
bodies = st.fixed_dictionaries({"Patches": st.lists(rows, max_size=3)}, optional={"NextToken": st.none() | words})


def outcome(decoder, body):
    try:
        return msgspec.to_builtins(decoder.decode(body))
    except (msgspec.MsgspecError, ValueError):
        return "refused"


@given(st.lists(st.tuples(bodies, st.booleans()), max_size=6))
def test_a_page_is_what_it_is_without_known_words(pages):
    decoder = PatchDecoder()
    for page, is_ascii in pages:
        body = json.dumps(page, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
        assert outcome(decoder, body) == outcome(PLAIN, body)


def test_a_word_that_is_known_becomes_the_same_text_in_each_page():
    decoder, body = PatchDecoder(), b'{"Patches": [{"State": "Installed"}]}'
    decoder.decode(body)

    first, second = (decoder.decode(body).patches[0].state for _ in range(2))

    assert first is second == "Installed"


def test_no_more_words_are_learned_than_aws_could_mean(monkeypatch):
    monkeypatch.setattr("scanner.aws.transport.patch_decoder.MAX_WORDS", 2)
    decoder = PatchDecoder()

    states = [decoder.decode(b'{"Patches": [{"State": "%d"}]}' % number).patches[0].state for number in range(4)]
    last = [decoder.decode(b'{"Patches": [{"State": "3"}]}').patches[0].state for _ in range(2)]

    assert states == ["0", "1", "2", "3"]
    assert last[0] == last[1]
    assert last[0] is not last[1]


@pytest.mark.parametrize("broken", [b'{"Patches": [{"State": "Inst', b'{"Patches": [{"State": "\xff"}]}', b"[]", b""])
def test_what_no_decoder_takes_is_refused(broken):
    assert outcome(PatchDecoder(), broken) == outcome(PLAIN, broken) == "refused"
