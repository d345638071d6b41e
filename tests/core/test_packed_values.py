"""Packed values are what was added, by their keys, in less memory."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core import packed_values
from scanner.core.instances import Instance, Tags
from scanner.core.packed_values import PackedValues
from scanner.core.whole_reading import WholeReading

# What decoders give: text is UTF-8, and times are milliseconds until the year 10000.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
INSTANCES = st.builds(
    Instance,
    instance_id=TEXTS,
    state=st.none() | TEXTS,
    launch_time=st.none() | st.integers(0, 2**48),
    image_id=st.none() | TEXTS,
    has_instance_profile=st.booleans(),
    tags=st.lists(st.tuples(TEXTS, TEXTS)).map(tuple),
)


KEYS = TEXTS | st.sampled_from("abc")
#: Values by their keys; None: the key is taken.
STEPS = st.lists(st.tuples(KEYS, st.none() | INSTANCES))


@pytest.mark.parametrize("hash_bits", [0xFFFF_FFFF, 1, 0], ids=["hashes", "two hashes", "one hash"])
@given(STEPS)
def test_packed_values_are_those_of_a_dict(hash_bits, steps):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_values, "_HASH_BITS", hash_bits)
        patch.setattr(packed_values, "PIECE_BYTES", 100)
        packed, expected = PackedValues[Instance](Instance), {}
        for key, value in steps:
            if value is not None:
                packed[key] = expected[key] = value
            else:
                assert packed.pop(key, None) == expected.pop(key, None)
        assert dict(packed.items()) == expected
        assert (len(packed), sorted(packed)) == (len(expected), sorted(expected))
        assert all(key in packed for key in expected)


def test_a_key_that_was_not_added_is_not_there():
    packed = PackedValues[Tags](Tags)
    packed["mi-1"] = (("team", "web"),)
    assert packed.get("mi-2") is None
    assert "mi-2" not in packed
    with pytest.raises(KeyError):
        packed["mi-2"]


def test_a_value_is_taken_once():
    packed = PackedValues[Tags](Tags)
    packed["mi-1"] = (("team", "web"),)
    assert packed.pop("mi-1", None) == (("team", "web"),)
    assert packed.pop("mi-1", None) is None
    assert not packed


def _traced(fill):
    """Returns the bytes that are held by what this returns."""
    tracemalloc.start()
    try:
        packed = fill()
        assert packed.get("i-0") is None  # it is ready for look-ups
        return packed, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def _instances(count):
    packed = PackedValues[Instance](Instance)
    for number in range(count):
        tags = tuple((f"tag-{tag:02}", f"value {tag} of {number}") for tag in range(15))
        packed[f"i-{number:017x}"] = Instance(f"i-{number:017x}", image_id="ami-0123456789abcdef0", tags=tags)
    return packed


def test_instances_with_tags_of_their_own_take_little_more_than_their_texts():
    _, held = _traced(lambda: _instances(500))
    assert held < 500 * 680


def test_what_is_taken_is_freed_piece_by_piece():
    packed = _instances(1_000)
    for number in range(900):
        del packed[f"i-{number:017x}"]
    assert len(packed) == 100
    assert sum(map(len, packed._pieces)) < 250 * 600


def test_what_a_delta_scan_knows_of_nodes_takes_little_more_than_a_hundred_bytes_each():
    def fill():
        packed = PackedValues[WholeReading](WholeReading)
        for number in range(2_000):
            packed[f"i-{number:017x}"] = _reading(number)
        return packed

    _, held = _traced(fill)
    assert held < 2_000 * 130


def _reading(number):
    return WholeReading(
        operation=number.to_bytes(16, "big"),
        is_whole=True,
        read_at=1_790_000_000_000,
        as_of=1_790_000_000_000,
        baseline_id="pb-0123456789abcdef0",
        installed_count=number,
        installed_other_count=0,
        last_no_reboot_install_time=None,
        segment=number,
        row=number,
    )
