"""Answers that are damaged, or that something between here and AWS gives in its place."""

from __future__ import annotations

import json

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws.open import open_aws
from scanner.aws.transport.interface import NoResponse, ServiceError
from scanner.core.errors import AwsError, Denied, PatchsweepError, Unavailable
from scanner.core.model import ManagedNode, Target
from scanner.core.settings import NodeSettings, ScopeSettings, Settings
from tests.aws.every_path import SERVICES, RecordingServer
from tests.aws.fake_ssm import HUB, QUICK, Answer, error, ok
from tests.examples import costly
from tests.worded import rows_of_page

pytestmark = pytest.mark.slow

HALF = "\\ud83d"  # of an emoji, as JSON spells it
AT_HUB = Target(HUB, "eu-west-1")
both_transports = pytest.mark.parametrize("transport", ["direct", "sdk"])


def settings_for(transport):
    return Settings(limits=QUICK, transport=transport)


async def read(method, *arguments, transport="direct", settings=None):
    async with open_aws(settings or settings_for(transport)) as aws, aws.fleet.open(AT_HUB) as reader:
        return await getattr(reader, method)(*arguments)


async def unread_of(settings):
    """Returns the nodes of a target, those whose patch state is an error, and what else could not be read."""
    async with open_aws(settings) as aws, aws.fleet.open(AT_HUB) as reader:
        nodes = [node async for page in reader.nodes() for node in page]
        states = await reader.patch_states([node.instance_id for node in nodes])
        failed = [key for key, state in states.items() if isinstance(state, AwsError)]
        return nodes, failed, [each.reason for each in reader.sources.unread()]


async def list_nodes(settings):
    """Returns the ids of the nodes, those whose patch state is an error, and the error that ended the listing."""
    ids, failed, ended_by = [], {}, None
    async with open_aws(settings) as aws, aws.fleet.open(AT_HUB) as reader:
        try:
            async for page in reader.nodes():
                ids += [node.instance_id for node in page]
                states = await reader.patch_states([node.instance_id for node in page])
                failed |= {key: str(state) for key, state in states.items() if isinstance(state, AwsError)}
        except AwsError as error:
            ended_by = error
    return ids, failed, ended_by


def page_of(member, *rows):
    return Answer(f'{{"{member}":[{",".join(rows)}]}}'.encode())


NODE = '{"InstanceId":"i-1","ComputerName":"web"}'


@both_transports
@pytest.mark.parametrize("text", [f"web {HALF}", "web \xff"], ids=["half a surrogate pair", "Latin-1"])
async def test_broken_text_costs_its_characters_and_nothing_else(aws, text, transport):
    aws.on(
        "DescribeInstanceInformation",
        Answer(f'{{"InstanceInformationList":[{{"InstanceId":"i-1","ComputerName":"{text}"}}]}}'.encode("latin-1")),
    )
    aws.on(
        "DescribeInstancePatchStates",
        Answer(f'{{"InstancePatchStates":[{{"InstanceId":"i-1","PatchGroup":"{text}"}}]}}'.encode("latin-1")),
    )
    aws.on("DescribeInstancePatches", Answer(f'{{"Patches":[{{"Title":"{text}"}}]}}'.encode("latin-1")))

    async with open_aws(settings_for(transport)) as opened, opened.fleet.open(AT_HUB) as reader:
        nodes = [node async for page in reader.nodes() for node in page]
        states = await reader.patch_states(["i-1"])
        page = await reader.patch_page("i-1", None)

    assert [node.computer_name for node in nodes] == ["web \ufffd"]
    assert states["i-1"].patch_group == "web \ufffd"
    assert [patch.title for patch in rows_of_page(page)] == ["web \ufffd"]
    assert len(aws.of("DescribeInstancePatches")) == 1


@both_transports
@pytest.mark.parametrize("text", [f"no {HALF}", "no \xff"])
async def test_broken_text_in_an_error_message_leaves_its_code(aws, text, transport):
    body = f'{{"__type":"AccessDeniedException","message":"{text}"}}'.encode("latin-1")
    aws.on("DescribeInstancePatches", Answer(body, 400))
    with pytest.raises(Denied, match=r"AccessDeniedException \(no \ufffd\)|AccessDeniedException"):
        await read("patch_page", "i-1", None, transport=transport)


async def test_broken_text_in_the_name_of_an_account_costs_its_characters(aws):
    accounts = f'{{"Accounts":[{{"Id":"{HUB}","Name":"shop {HALF}","Status":"ACTIVE"}}]}}'
    aws.on("ListAccounts", Answer(accounts.encode()))
    scope = ScopeSettings(accounts=("organization",), regions=("eu-west-1",), role_name="reader")
    async with open_aws(Settings(limits=QUICK, scope=scope)) as opened:
        discovery = await opened.discover()
    assert [target.account_name for target in discovery.targets] == ["shop \ufffd"]


@both_transports
@pytest.mark.parametrize(
    ("members", "names"),
    [
        ('"ComputerName":7', "ComputerName"),
        ('"PingStatus":{}', "PingStatus"),
        ('"LastPingDateTime":[],"AgentVersion":[["x"]]', "LastPingDateTime, AgentVersion"),
    ],
)
async def test_an_odd_fact_of_a_node_costs_itself_alone_and_is_named(aws, members, names, transport):
    bad = f'{{"InstanceId":"i-bad","PlatformType":"Linux",{members},"Later":{{}}}}'
    aws.on("DescribeInstanceInformation", page_of("InstanceInformationList", bad, NODE))
    aws.on("DescribeInstancePatchStates", ok(InstancePatchStates=[]))

    nodes, failed, unread = await unread_of(settings_for(transport))

    assert sorted(nodes, key=lambda node: node.instance_id) == [
        ManagedNode("i-1", computer_name="web"),
        ManagedNode("i-bad", platform_type="Linux"),
    ]
    assert failed == []
    where = f"in account {HUB}, Region eu-west-1,"
    assert unread == [f"ssm:DescribeInstanceInformation {where} answered what cannot be read: {names} of i-bad"]
    assert len(aws.of("DescribeInstanceInformation")) == 2


@pytest.mark.parametrize(
    ("row", "ids"),
    [
        ('{"InstanceId":"i-bad","PlatformType":7,"PingStatus":"Online"}', ["i-bad"]),
        ('{"InstanceId":"i-bad","PlatformType":7,"PingStatus":"Inactive"}', []),
        ('{"InstanceId":"i-bad","PlatformType":"Linux","PingStatus":"Online","ComputerName":7}', []),
    ],
)
async def test_a_node_is_left_out_by_what_is_known_of_it_and_never_by_an_odd_fact(aws, row, ids):
    aws.on("DescribeInstanceInformation", page_of("InstanceInformationList", row))
    aws.on("DescribeInstancePatchStates", ok(InstancePatchStates=[]))
    wanted = NodeSettings(platform_types=("Windows",), ping_statuses=("Online", "ConnectionLost"))
    nodes, failed, unread = await unread_of(Settings(limits=QUICK, nodes=wanted))
    assert ([node.instance_id for node in nodes], failed, len(unread)) == (ids, [], len(ids))


async def test_a_node_whose_odd_row_has_an_empty_id_makes_a_listing_no_answer(aws):
    aws.on("DescribeInstanceInformation", page_of("InstanceInformationList", '{"InstanceId":"","ComputerName":7}'))
    _, _, ended_by = await list_nodes(settings_for("direct"))
    assert "about nodes that were not asked for" in str(ended_by)


@pytest.mark.parametrize("row", ["7", "null", "{}", '{"InstanceId":7}'])
async def test_a_row_without_an_id_is_a_gap_of_the_target_after_all_its_nodes(aws, row):
    aws.on("DescribeInstanceInformation", page_of("InstanceInformationList", row, NODE))
    aws.on("DescribeInstancePatchStates", ok(InstancePatchStates=[]))

    ids, failed, ended_by = await list_nodes(settings_for("direct"))

    assert (ids, failed) == (["i-1"], {})
    assert isinstance(ended_by, Unavailable)
    assert "not even the id" in str(ended_by)


@both_transports
async def test_a_patch_state_that_cannot_be_decoded_costs_no_other_node(aws, transport):
    rows = ['{"InstanceId":"i-1","MissingCount":"many"}', '{"InstanceId":"i-2","MissingCount":2}']
    aws.on("DescribeInstancePatchStates", page_of("InstancePatchStates", *rows))

    states = await read("patch_states", ["i-1", "i-2", "i-3"], transport=transport)

    assert "the row of node i-1 cannot be decoded" in str(states["i-1"])
    assert states["i-2"].missing_count == 2
    assert "i-3" not in states


async def test_a_patch_state_of_no_node_could_be_that_of_any_without_one(aws):
    aws.on("DescribeInstancePatchStates", page_of("InstancePatchStates", "7", '{"InstanceId":"i-2","MissingCount":2}'))
    states = await read("patch_states", ["i-1", "i-2"])
    assert isinstance(states["i-1"], AwsError)
    assert states["i-2"].missing_count == 2


async def test_a_row_that_is_damaged_once_is_read_again_and_costs_nothing(aws):
    good = page_of("InstancePatchStates", '{"InstanceId":"i-1","MissingCount":2}')
    aws.on(
        "DescribeInstancePatchStates", page_of("InstancePatchStates", '{"InstanceId":"i-1","MissingCount":[]}'), good
    )
    assert (await read("patch_states", ["i-1"]))["i-1"].missing_count == 2


@both_transports
async def test_a_patch_that_cannot_be_decoded_costs_no_other_and_is_named(aws, transport):
    rows = ['{"KBId":"a"}', '{"KBId":"odd-1","Severity":7}', "null", '{"KBId":"b"}']
    aws.on("DescribeInstancePatches", page_of("Patches", *rows))

    page = await read("patch_page", "i-1", None, transport=transport)

    assert [patch.kb_id for patch in rows_of_page(page)] == ["a", "b"]
    assert [odd.partition(" (")[0] for odd in page.odd_rows] == ["odd-1", "a row without a name"]
    assert len(aws.of("DescribeInstancePatches")) == 1


HTML = b"<html><body>Sign in to the hotel's network</body></html>"


@both_transports
@pytest.mark.parametrize("status", [401, 403, 404, 407, 302, 511])
@pytest.mark.parametrize("body", [HTML, b"", "<p>Zugriff verweigert \xfc</p>".encode("latin-1")])
async def test_a_page_that_is_no_answer_of_aws_is_asked_for_again(aws, status, body, transport):
    aws.on("DescribeInstancePatchStates", Answer(body, status), ok(InstancePatchStates=[{"InstanceId": "i-1"}]))
    assert list(await read("patch_states", ["i-1"], transport=transport)) == ["i-1"]


@both_transports
async def test_a_page_that_never_is_an_answer_of_aws_is_given_up_and_named(aws, transport):
    aws.on("DescribeInstancePatches", Answer(HTML, 403))
    with pytest.raises(Unavailable, match="HTTP 403 without an error document is no answer of AWS"):
        await read("patch_page", "i-1", None, transport=transport)
    assert len(aws.of("DescribeInstancePatches")) == QUICK.max_attempts


@both_transports
async def test_a_407_is_named_as_the_proxys(aws, transport):
    aws.on("DescribeInstancePatches", Answer(HTML, 407))
    with pytest.raises(Unavailable, match=r"the proxy wants other credentials .* check HTTPS_PROXY"):
        await read("patch_page", "i-1", None, transport=transport)


@both_transports
async def test_an_error_document_of_aws_is_believed_at_once(aws, transport):
    aws.on("DescribeInstancePatches", error("AccessDeniedException", "no"))
    with pytest.raises(Denied):
        await read("patch_page", "i-1", None, transport=transport)
    assert len(aws.of("DescribeInstancePatches")) == 1


XML = b'<?xml version="1.0"?><GetCallerIdentityResponse><GetCallerIdentityResult>'
JSON = json.dumps({"Accounts": [{"Id": HUB, "Name": "n", "Status": "ACTIVE"}], "NextToken": "a"}).encode()
BODIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"",
            HTML,
            b"<html>503</html>",
            "<html>Gesch\xe4ftszeiten</html>".encode("latin-1"),
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b"<a>" * 20_000,
            b'{"__type":7,"message":[]}',
            b'{"__type":"X","message":{"a":1}}',
            b'{"Accounts":5}',
            b'{"Accounts":["x"]}',
            b'{"Accounts":[{"Id":7,"JoinedTimestamp":"never"}]}',
            b"<ErrorResponse><Error/></ErrorResponse>",
            b"<Response><Errors><Error><Code></Code></Error></Errors></Response>",
            b"<DescribeRegionsResponse><regionInfo>x</regionInfo></DescribeRegionsResponse>",
            b"\xff\xfe<\x00a\x00>\x00",
        ]
    ),
    st.tuples(st.sampled_from([XML, JSON]), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)))).map(
        lambda damage: _with_bytes(*damage)
    ),
)


def _with_bytes(body, changes):
    changed = bytearray(body)
    for place, byte in changes:
        changed[place % len(changed)] = byte
    return bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("path", SERVICES)
@costly()
@given(status=st.sampled_from([200, 200, 204, 300, 400, 403, 404, 407, 413, 429, 500, 502, 503, 599]), body=BODIES)
async def test_no_bytes_end_in_a_traceback(path, status, body):
    runner = web.ServerRunner(web.Server(RecordingServer(status, body=body).answer))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{runner.addresses[0][1]}")
            await SERVICES[path]()
    except (NoResponse, ServiceError, PatchsweepError) as failure:
        reason = str(failure)  # what a run can deal with; anything else would end it
        assert reason or status == 204
    finally:
        await runner.cleanup()
