"""Answers torn, flipped and forged: they are read right or called torn, and nothing else ever comes of them."""

from __future__ import annotations

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws.decode import node_of, patch_state_of
from scanner.aws.operations import DESCRIBE_INSTANCE_PATCHES
from scanner.aws.transport import wire
from scanner.aws.transport.decoding import Undecodable
from scanner.core.errors import Transient
from scanner.core.model import NodeScan, NodeStatus, Target
from scanner.core.patch_rows import NO_PATCHES, PatchRows
from scanner.core.tables import batch_of, segment_table

HERE = Target("111111111111", "eu-west-1")
texts = st.text(max_size=20)
times = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(), texts)
counts = st.integers(-(2**31), 2**31 - 1)


def some_of(required, **members):
    return st.fixed_dictionaries(required, optional={name: st.none() | kind for name, kind in members.items()})


rows = some_of(
    {}, KBId=texts, Title=texts, Classification=texts, Severity=texts, State=texts, InstalledTime=times, CVEIds=texts
)
states = some_of(
    {"InstanceId": texts},
    PatchGroup=texts,
    SnapshotId=texts,
    OperationStartTime=times,
    OperationEndTime=times,
    InstalledCount=counts,
    MissingCount=counts,
    AvailableSecurityUpdateCount=counts,
)
nodes = some_of({"InstanceId": texts}, PlatformName=texts, IPAddress=texts, LastPingDateTime=times)
ANSWERS = {
    "Patches": (rows, wire.decode_patches),
    "InstancePatchStates": (states, wire.PATCH_STATES.decode_by_row),
    "InstanceInformationList": (nodes, wire.NODES.decode_by_row),
}


@st.composite
def answers(draw):
    """The name of the list, its rows, and the whole answer as bytes."""
    name = draw(st.sampled_from(sorted(ANSWERS)))
    listed = draw(st.lists(ANSWERS[name][0], max_size=5))
    more = draw(st.dictionaries(st.just("NextToken"), st.none() | texts))
    as_ascii = draw(st.booleans())
    body = json.dumps({name: listed, **more, "Unknown": [1, {"x": None}]}, ensure_ascii=as_ascii)
    return name, listed, body.encode("utf-8", "surrogatepass")


@st.composite
def damaged(draw):
    name, _, body = draw(answers())
    body = bytearray(body)
    for _ in range(draw(st.integers(1, 4))):
        where = draw(st.integers(0, len(body)))
        match draw(st.sampled_from(["flip", "cut", "insert", "drop"])):
            case "flip" if where < len(body):
                body[where] ^= draw(st.integers(1, 255))
            case "cut":
                del body[where:]
            case "insert":
                body[where:where] = draw(st.binary(max_size=8))
            case _:
                del body[where : where + draw(st.integers(1, 20))]
    return name, bytes(body)


def read(name, body):
    """The answer as a segment holds it: what cannot be stored has not been read."""
    answer = wire.decode_answer(ANSWERS[name][1], body, DESCRIBE_INSTANCE_PATCHES, HERE)
    patches, state, node = NO_PATCHES, None, node_of(wire.WireNode(instance_id="i-1"))
    match name:
        case "Patches":
            patches = PatchRows(answer.rows)
        case "InstancePatchStates":
            state = next(map(patch_state_of, answer.rows), None)
        case _:
            node = next(map(node_of, answer.rows), node)
    scan = NodeScan(HERE, node, state, NodeStatus.VERIFIED, None, patches, 1, 0, 1)
    return batch_of(segment_table("s", [scan]))


@given(answers())
def test_whatever_the_model_allows_is_read_row_by_row(answer):
    name, listed, body = answer
    batch = read(name, body)
    if name == "Patches":
        assert batch.patches.column("kb_id").to_pylist() == [row.get("KBId") or "" for row in listed]
        assert batch.patches.column("title").to_pylist() == [row.get("Title") or None for row in listed]
    elif name == "InstancePatchStates" and listed:
        reported = listed[0].get("MissingCount")
        expected = None if reported is None or reported < 0 else reported
        assert batch.nodes.column("missing_count").to_pylist() == [expected]


@given(damaged())
def test_a_damaged_answer_is_stored_as_it_can_be_read_or_called_torn(answer):
    with suppress(Transient):
        read(*answer)


@pytest.mark.parametrize(
    "body",
    [
        b'{"Patches":null}',
        b'{"Patches":[],"x":' + b"[" * 100_000,
        b"\xef\xbb\xbf{}",
    ],
    ids=["no list", "brackets without end", "a byte order mark"],
)
def test_what_no_json_decoder_takes_is_torn(body):
    with pytest.raises(Transient):
        read("Patches", body)


@pytest.mark.parametrize("text", [b"web \\ud83d", b"web \xff", b"web \\udc00"])
def test_text_with_half_a_character_or_a_byte_that_is_not_utf_8_is_read_with_the_replacement_character(text):
    batch = read("Patches", b'{"Patches":[{"KBId":"KB1","Title":"%s","State":"Missing"}]}' % text)
    assert batch.patches.column("title").to_pylist() == ["web \ufffd"]


@pytest.mark.parametrize("count", [2**31, -(2**40), 10**30])
def test_a_count_beyond_32_bits_costs_its_row_alone(count):
    good = {"InstanceId": "i-2", "MissingCount": 1}
    body = msgspec.json.encode({"InstancePatchStates": [{"InstanceId": "i-1", "MissingCount": 7}, good]})
    body = body.replace(b"7", str(count).encode())
    with pytest.raises(Undecodable):
        wire.PATCH_STATES.decode(body)
    answer = wire.PATCH_STATES.decode_by_row(body)
    assert [row.instance_id for row in answer.rows] == ["i-2"]
    assert [row.instance_id for row in answer.undecodable] == ["i-1"]
