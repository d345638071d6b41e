"""A part of a file is verified by the checksums of its blocks alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scanner.store.blocks import BLOCK_BYTES, are_intact, block_checksums, read_checksums, whole_blocks

FILES = st.integers(1, 12 * BLOCK_BYTES).map(lambda size: bytes(place * 7 % 251 for place in range(size)))


@st.composite
def files_and_spans(draw):
    data = draw(FILES)
    starts = st.integers(0, len(data) - 1)
    spans = draw(st.lists(starts.flatmap(lambda s: st.tuples(st.just(s), st.integers(1, len(data) - s))), max_size=5))
    return data, spans


@given(files_and_spans())
def test_whole_blocks_hold_every_span_once_and_are_intact(file):
    data, spans = file
    sums = read_checksums(block_checksums(data))
    wanted = {place for start, size in spans for place in range(start, start + size)}
    blocks = list(whole_blocks(spans, len(data)))
    covered = [place for start, size in blocks for place in range(start, start + size)]

    assert wanted <= {*covered}
    assert covered == sorted({*covered})
    assert all(are_intact(start, data[start : start + size], sums) for start, size in blocks)


@given(FILES, st.data())
def test_any_other_byte_shows_in_the_block_that_holds_it(data, choose):
    sums = read_checksums(block_checksums(data))
    place = choose.draw(st.integers(0, len(data) - 1))
    changed = bytearray(data)
    changed[place] ^= choose.draw(st.integers(1, 255))
    ((start, size),) = whole_blocks([(place, 1)], len(data))

    assert not are_intact(start, bytes(changed[start : start + size]), sums)
