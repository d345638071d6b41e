"""Which accounts a scope covers by their organizational units."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from scanner.aws.open import open_aws
from scanner.aws.scope.organizational_units import check_units, in_units
from scanner.aws.scope.targets import Account
from scanner.core.errors import ConfigError
from scanner.core.settings import ScopeSettings, Settings
from scanner.simulator.api.organizations import ORGANIZATION_ID, ROOT_ID
from scanner.simulator.generate.build import make_world
from scanner.simulator.server.server import serve
from tests.aws.fake_ssm import HUB, MEMBER, QUICK, ok
from tests.aws.test_machine_sources import point_at

ROOT = f"{ORGANIZATION_ID}/{ROOT_ID}"
WORKLOADS, PROD, SANDBOX = "ou-a1b2-workload", "ou-a1b2-prod0001", "ou-a1b2-sandbox1"
UNITS = ((), (WORKLOADS, PROD), (WORKLOADS,), (SANDBOX,))


def organization():
    made = make_world(accounts=4, regions=1, nodes=4)
    accounts = {
        account_id: structs.replace(account, ou_ids=units)
        for (account_id, account), units in zip(made.accounts.items(), UNITS, strict=True)
    }
    return structs.replace(made, accounts=accounts)


async def discovered(**scope):
    settings = Settings(
        limits=QUICK, scope=ScopeSettings(accounts=("organization",), role_name="patchsweep-reader", **scope)
    )
    with anyio.fail_after(60):
        async with open_aws(settings) as aws:
            return await aws.discover()


@pytest.mark.slow
async def test_every_target_has_the_path_of_its_account(monkeypatch):
    async with serve(organization()) as simulator:
        point_at(simulator, monkeypatch)
        found = await discovered()
        asked = {operation for _, _, operation in simulator.stats.by_key}
    paths = ["/".join((ROOT, *units)) for units in UNITS]
    assert [target.ou_path for target in found.targets] == paths
    assert asked == {"GetCallerIdentity", "ListAccounts"}


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ({"ous": (WORKLOADS,)}, [1, 2]),
        ({"ous": (PROD, SANDBOX)}, [1, 3]),
        ({"ous": (ROOT_ID,)}, [0, 1, 2, 3]),
        ({"exclude_ous": (PROD,)}, [0, 2, 3]),
        ({"ous": (WORKLOADS,), "exclude_ous": (PROD,)}, [2]),
    ],
)
async def test_a_unit_covers_the_accounts_anywhere_below_it(monkeypatch, scope, covered):
    made = organization()
    async with serve(made) as simulator:
        point_at(simulator, monkeypatch)
        found = await discovered(**scope)
    ids = list(made.accounts)
    assert [target.account_id for target in found.targets] == [ids[number] for number in covered]


@pytest.mark.parametrize("key", ["ous", "exclude_ous"])
async def test_a_unit_that_no_account_is_in_is_refused_with_those_that_are_like_it(monkeypatch, key):
    async with serve(organization()) as simulator:
        point_at(simulator, monkeypatch)
        with pytest.raises(ConfigError, match=rf"is in 'ou-a1b2-prod0002' \(scope.{key}\); did you mean .*{PROD}"):
            await discovered(**{key: ("ou-a1b2-prod0002",)})


async def test_units_that_leave_nothing_are_refused(monkeypatch):
    async with serve(organization()) as simulator:
        point_at(simulator, monkeypatch)
        with pytest.raises(ConfigError, match=r"The scope covers no account: scope\.ous, scope\.exclude_ous"):
            await discovered(ous=(PROD,), exclude_ous=(WORKLOADS,))


def row(account_id, **fields):
    return {"Id": account_id, "Name": "x", "State": "ACTIVE", **fields}


def path(account_id, *units):
    return "/".join(("o-1", "r-a1b2", *units, account_id, ""))


NO_PATHS = [
    {},
    {"Paths": None},
    {"Paths": []},
    {"Paths": 7},
    {"Paths": [None]},
    {"Paths": [""]},
    {"Paths": ["o-1/r-a"]},
]


@pytest.mark.parametrize("fields", NO_PATHS)
@pytest.mark.parametrize("scope", [{"ous": (PROD,)}, {"exclude_ous": (PROD,)}])
async def test_an_account_without_a_path_is_neither_included_nor_left_out_in_silence(aws, fields, scope):
    aws.on("ListAccounts", ok(Accounts=[row(HUB, Paths=[path(HUB, PROD)]), row(MEMBER, **fields)]))
    with pytest.raises(ConfigError, match=f"does not say in which organizational unit account {MEMBER} is"):
        await discovered(**scope)
    assert len(aws.of("ListAccounts")) == 1


@pytest.mark.parametrize("fields", NO_PATHS)
async def test_without_units_in_the_scope_an_account_needs_no_path(aws, fields):
    aws.on("ListAccounts", ok(Accounts=[row(HUB, **fields)]))
    assert [target.ou_path for target in (await discovered()).targets] == [None]


async def test_an_excluded_account_needs_no_path(aws):
    aws.on("ListAccounts", ok(Accounts=[row(HUB, Paths=[path(HUB, PROD)]), row(MEMBER)]))
    found = await discovered(ous=(PROD,), exclude_accounts=(MEMBER,))
    assert [target.account_id for target in found.targets] == [HUB]


async def test_of_several_paths_the_first_is_shown_and_each_counts(aws):
    paths = [path(HUB, PROD), path(HUB, SANDBOX)]
    aws.on("ListAccounts", ok(Accounts=[row(HUB, Paths=paths), row(MEMBER, Paths=[path(MEMBER)])]))
    found = await discovered(ous=(SANDBOX,))
    assert [(target.account_id, target.ou_path) for target in found.targets] == [(HUB, f"o-1/r-a1b2/{PROD}")]


async def test_inactive_accounts_are_named_only_where_the_units_cover_them(aws):
    others = [
        row("3" * 12, Paths=[path("3" * 12, SANDBOX)], State="SUSPENDED"),
        row("4" * 12, Paths=[path("4" * 12, PROD)], State="SUSPENDED"),
        row("5" * 12, State="SUSPENDED"),
    ]
    aws.on("ListAccounts", ok(Accounts=[row(HUB, Paths=[path(HUB, PROD)]), *others]))
    (note,) = (await discovered(ous=(PROD,))).notes
    assert note.endswith("444444444444 (SUSPENDED), 555555555555 (SUSPENDED)")


def test_a_unit_with_inactive_accounts_alone_is_known():
    inactive = Account("1" * 12, paths=(f"{ROOT}/{SANDBOX}",))
    check_units([inactive], ScopeSettings(exclude_ous=(SANDBOX,)))


def test_many_accounts_without_a_path_are_named_up_to_eight():
    accounts = [Account(f"{number:012}") for number in range(20)]
    with pytest.raises(ConfigError, match="000000000007 and 12 more is"):
        in_units(accounts, ScopeSettings(ous=(PROD,)))


UNIT = st.sampled_from([WORKLOADS, PROD, SANDBOX])
PATHS = st.lists(UNIT, unique=True).map(lambda units: ("/".join((ROOT, *units)),))


@given(st.lists(PATHS), st.lists(UNIT).map(tuple), st.lists(UNIT).map(tuple))
def test_every_account_is_covered_exactly_if_a_wanted_unit_and_no_excluded_one_is_on_its_path(paths, ous, excluded):
    accounts = [Account(f"{number:012}", paths=each) for number, each in enumerate(paths)]
    covered = in_units(accounts, ScopeSettings(ous=ous, exclude_ous=excluded))
    for account in accounts:
        units = set(account.paths[0].split("/"))
        assert (account in covered) == ((not ous or bool(units & {*ous})) and not units & {*excluded})
