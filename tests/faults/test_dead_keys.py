"""Keys that die while a scan runs stop it: what was read is kept, and one sentence says how to resume."""

from __future__ import annotations

import pytest
from msgspec import structs

from scanner.core.errors import CredentialsError
from scanner.core.model import ScanStatus
from scanner.files.local import LocalFiles
from scanner.store.store import Store
from tests.faults.test_midway import HUB, MEMBER, PATCHES, WIDE, at_call
from tests.faults.worlds import assert_is_the_truth, organization, scan, settings_for, stored


@pytest.mark.parametrize("transport", ["direct", "sdk"])
@pytest.mark.parametrize(("operation", "number", "account_id"), [(PATCHES, 60, HUB), (PATCHES, 60, MEMBER)])
async def test_a_dead_key_never_reads_as_a_disabled_region_and_the_scan_is_resumed(
    operation, number, account_id, transport, tmp_path
):
    settings = structs.replace(settings_for(tmp_path / "store", WIDE, max_in_flight=4), transport=transport)
    with organization(WIDE) as simulator:
        at_call(simulator, operation, number, simulator.delete_own_keys, account_id=account_id)
        with pytest.raises(CredentialsError, match="AWS does not accept the credentials of this run any more") as seen:
            await scan(settings)
    store = Store(LocalFiles(tmp_path / "store"))
    (scan_id,) = await store.unfinished()
    assert f"renew them, then resume with `patchsweep scan --resume {scan_id}" in str(seen.value)
    assert await store.committed() == []

    with organization(WIDE) as simulator:
        finished = await scan(settings, resume="latest")
        found = await stored(tmp_path / "store", finished.scan.scan_id)
        assert_is_the_truth(found, simulator.truth())
    assert finished.scan.status is ScanStatus.COMPLETE
