"""Packed values are what was added, by their keys, in less memory."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.instances import Instance, Tags
from scanner.core.packed_values import PackedValues

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


@given(st.lists(INSTANCES))
def test_packed_values_are_those_of_a_dict(instances):
    packed = PackedValues[Instance](Instance)
    for instance in instances:
        packed[instance.instance_id] = instance
    expected = {instance.instance_id: instance for instance in instances}
    assert dict(packed.items()) == expected
    assert (len(packed), list(packed)) == (len(expected), list(expected))
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


def test_instances_with_tags_of_their_own_take_about_a_kilobyte_each():
    packed = PackedValues[Instance](Instance)
    tracemalloc.start()
    try:
        for number in range(500):
            tags = tuple((f"tag-{tag:02}", f"value {tag} of {number}") for tag in range(15))
            packed[f"i-{number:017x}"] = Instance(f"i-{number:017x}", image_id="ami-0123456789abcdef0", tags=tags)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 500 * 1200
