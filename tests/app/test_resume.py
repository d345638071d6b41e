"""Beginning a scan and taking one up again."""

from __future__ import annotations

import pytest
from msgspec import structs

from scanner.app.resume import open_scan, resume_command, resumed_settings
from scanner.core.errors import ConfigError, ScanNotFound, StoreError
from scanner.core.scan_request import request_of
from scanner.core.settings import CoverageSettings, NodeSettings, PatchSettings, ScopeSettings, Settings, StoreSettings
from scanner.core.tables import segment_table
from scanner.store.store import Store
from tests.store.memory_files import MemoryFiles
from tests.store.samples import TARGET, node

BEGUN = Settings(
    scope=ScopeSettings(accounts=("organization",), role_name="reader", external_id="hush-id"),
    patches=PatchSettings(states=("MISSING",)),
    mode="delta",
    sinks=("csv:reports",),
)


@pytest.fixture
def store():
    return Store(MemoryFiles())


async def begin_and_die(store, settings, *, deliver=True, demo=False):
    """A run that is killed, after it delivered one node or before."""
    async with open_scan(store, settings, None, demo=demo) as opened:
        if deliver:
            await opened.stored.add_segment(segment_table(opened.scan_id, [node(1)]))
        raise InterruptedError(opened.scan_id)


async def interrupted(store, settings=BEGUN, *, demo=False):
    """The id of a scan that delivered one node and was killed."""
    with pytest.raises(InterruptedError) as killed:
        await begin_and_die(store, settings, demo=demo)
    return str(killed.value)


async def test_a_scan_that_holds_nothing_leaves_no_trace(store):
    with pytest.raises(InterruptedError):
        await begin_and_die(store, Settings(), deliver=False)

    assert await store.files.names() == []


async def test_a_resumed_scan_knows_what_was_delivered(store):
    scan_id = await interrupted(store)

    async with open_scan(store, BEGUN, "latest", demo=False) as opened:
        assert opened.scan_id == scan_id
        assert opened.done.instance_ids(TARGET.account_id, TARGET.region) == {"i-0001"}
        assert opened.notes == ("resumed: 1 nodes were in the store already",)


async def test_what_decides_the_rows_stays_as_it_was_begun_and_the_rest_is_as_asked_for_now(store):
    now = Settings(scope=ScopeSettings(external_id="hush-id"), store=StoreSettings(flush_rows=7), log_format="json")
    await interrupted(store)

    async with open_scan(store, now, "latest", demo=False) as opened:
        patches = structs.replace(BEGUN.patches, not_applicable=True)
        assert opened.settings == structs.replace(BEGUN, patches=patches, store=now.store, log_format="json")


async def test_a_resumed_scan_keeps_the_units_tag_keys_and_sources_it_was_begun_with(store):
    begun = Settings(
        scope=ScopeSettings(
            accounts=("organization",), role_name="r", ous=("ou-a1b2-c3d4e5f6",), exclude_ous=("r-a1b2",)
        ),
        nodes=NodeSettings(tag_keys=("Team",)),
        coverage=CoverageSettings(ec2="required", inventory="off", unmanaged="gap"),
    )
    now = Settings(
        scope=ScopeSettings(ous=("ou-zzzz-zzzzzzzz",)),
        nodes=NodeSettings(tag_keys=("Env",)),
        coverage=CoverageSettings(baselines="off"),
    )
    await interrupted(store, begun)

    async with open_scan(store, now, "latest", demo=False) as opened:
        assert opened.settings.scope == begun.scope
        assert opened.settings.nodes == begun.nodes
        assert opened.settings.coverage == begun.coverage


def test_sinks_named_now_take_the_place_of_those_of_the_beginning():
    assert resumed_settings(
        request_of(structs.replace(BEGUN, scope=ScopeSettings())), Settings(sinks=("jsonl:-",))
    ).sinks == ("jsonl:-",)


async def test_an_external_id_has_to_be_given_again(store):
    await interrupted(store)

    with pytest.raises(ConfigError, match="external id, which the store does not keep: give it again"):
        async with open_scan(store, Settings(), "latest", demo=False):
            pass
    assert len(await store.unfinished()) == 1


async def test_a_sink_with_a_secret_has_to_be_named_again(store):
    begun = structs.replace(BEGUN, sinks=("webhook:https://me:hush-sink@h/x",))
    await interrupted(store, begun)

    with pytest.raises(ConfigError, match=r"the sink webhook:https://me:\*\*\*@h/x, whose secret"):
        async with open_scan(store, Settings(scope=begun.scope), "latest", demo=False):
            pass
    async with open_scan(store, begun, "latest", demo=False) as opened:
        assert opened.settings.sinks == begun.sinks


async def test_no_secret_lies_in_the_store(store):
    await interrupted(store, structs.replace(BEGUN, sinks=("webhook:https://me:hush-sink@h/x",)))

    assert not any(b"hush" in data for data in store.files.held.values())


async def test_a_demonstration_is_resumed_as_one_and_needs_no_secret(store):
    await interrupted(store, Settings(), demo=True)

    async with open_scan(store, Settings(), "latest", demo=False) as opened:
        assert opened.demo
        assert opened.settings.scope.accounts == ("organization",)
        assert opened.settings.scope.external_id != "***"


async def test_there_may_be_nothing_to_resume(store):
    with pytest.raises(ScanNotFound):
        async with open_scan(store, Settings(), "latest", demo=False):
            pass


def test_the_resume_command_names_the_store_where_it_is_not_the_usual_one():
    elsewhere = Settings(store=StoreSettings(location="my store"))

    assert resume_command(Settings(), "s1") == "patchsweep scan --resume s1"
    assert resume_command(elsewhere, "s1") == "patchsweep scan --resume s1 --store 'my store'"
    assert resume_command(elsewhere) == "patchsweep scan --resume --store 'my store'"


class Unconditional(MemoryFiles):
    """As servers that speak S3 and ignore If-None-Match and If-Match."""

    async def put_if(self, name, data, version):
        await self.put(name, data)
        return "1"


async def test_a_store_that_cannot_keep_two_runs_apart_is_named_and_a_scan_is_resumed_only_by_a_setting():
    store = Store(Unconditional())
    async with open_scan(store, Settings(), None, demo=False) as scan:
        (note,) = scan.notes
        assert note.startswith("memory: ignores conditional writes (If-None-Match, If-Match), so two runs can")
        assert note.endswith("never resume a scan while its process is running")
        await scan.stored.add_segment(segment_table(scan.scan_id, [node(1)]))

    with pytest.raises(ConfigError, match=r"make sure that no process is writing .* store.resume_without_lease"):
        async with open_scan(store, Settings(), "latest", demo=False):
            pass
    accepted = Settings(store=StoreSettings(resume_without_lease=True))
    async with open_scan(store, accepted, "latest", demo=False) as scan:
        assert scan.is_resumed


class FullDisk(MemoryFiles):
    """Takes segments until it is full."""

    def __init__(self, segments):
        super().__init__()
        self.left = segments

    async def put(self, name, data):
        if "/segments/" in name:
            self.left -= 1
            if self.left < 0:
                raise StoreError(f"cannot write {name}: the disk is full: free some space")
        await super().put(name, data)


async def fill_up(files):
    async with open_scan(Store(files), Settings(), None, demo=False) as scan:
        for number in range(3):
            await scan.stored.add_segment(segment_table(scan.scan_id, [node(number)]))


async def test_a_disk_that_is_full_before_the_first_segment_advises_no_resume():
    files = FullDisk(segments=0)
    with pytest.raises(StoreError, match=r"free some space$"):
        await fill_up(files)
    assert files.held == {}


async def test_a_disk_that_is_full_later_advises_to_resume_the_scan():
    files = FullDisk(segments=1)
    with pytest.raises(StoreError, match=r"free some space; then resume with `patchsweep scan --resume"):
        await fill_up(files)
    assert len(await Store(files).unfinished()) == 1
