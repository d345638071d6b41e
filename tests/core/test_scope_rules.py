"""One place knows how accounts, Regions, roles and buckets are written."""

from __future__ import annotations

import re

import pytest

from scanner.core.errors import ConfigError
from scanner.core.scope_rules import check_scope, is_bucket_url, scope_problems
from scanner.core.settings import ScopeSettings


def test_the_default_scope_has_no_problems():
    check_scope(ScopeSettings())


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [
        (ScopeSettings(accounts=("12345",)), "scope.accounts: '12345' is not an account id (12 digits)"),
        (ScopeSettings(accounts=("\u0661" * 12,)), "is not an account id (12 digits)"),
        (ScopeSettings(accounts=()), "scope.accounts: nothing is selected; use current or organization"),
        (ScopeSettings(accounts=("organization", "1" * 12)), "stand alone"),
        (ScopeSettings(accounts=("organisation",)), "did you mean organization?"),
        (ScopeSettings(accounts=("organization",)), "name it with scope.role_name"),
        (ScopeSettings(exclude_accounts=("me",)), "scope.exclude_accounts: 'me' is not an account id"),
        (ScopeSettings(regions=("Ireland",)), "scope.regions: 'Ireland' is not a Region name (like eu-west-1)"),
        (ScopeSettings(regions=("eu-west-1\n",)), "is not a Region name"),
        (ScopeSettings(regions=("eu-west-1", "enabled")), "stand alone"),
        (ScopeSettings(exclude_regions=("enabled",)), "scope.exclude_regions: 'enabled' is not a Region name"),
        (ScopeSettings(role_name="arn:aws:iam::1:role/x"), "give the name alone, not the ARN"),
        (ScopeSettings(ous=("Workloads",)), "scope.ous: 'Workloads' is not the id of a unit (like ou-a1b2-c3d4e5f6)"),
        (ScopeSettings(exclude_ous=("ou-1",)), "scope.exclude_ous: 'ou-1' is not the id of a unit"),
        (ScopeSettings(ous=("r-a1b2",)), "scope.ous: organizational units are known of the organization alone"),
        (ScopeSettings(accounts=("1" * 12,), role_name="r", exclude_ous=("r-a1b2",)), "add --accounts organization"),
        (ScopeSettings(external_id="a b"), "an external id has"),
    ],
)
def test_a_scope_that_cannot_be_used_is_refused_in_a_sentence(scope, sentence):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        check_scope(scope)


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "cn-northwest-1", "ap-southeast-5", "eusc-de-east-1"])
def test_regions_of_every_partition_are_accepted(region):
    assert list(scope_problems(ScopeSettings(regions=(region,), exclude_regions=(region,)))) == []


@pytest.mark.parametrize("unit", ["r-a1b2", "ou-a1b2-c3d4e5f6", "ou-examplerootid111-exampleouid111"])
def test_ids_of_units_and_roots_are_accepted_with_the_organization(unit):
    scope = ScopeSettings(accounts=("organization",), role_name="r", ous=(unit,), exclude_ous=(unit,))
    assert list(scope_problems(scope)) == []


def test_every_problem_is_reported_at_once():
    assert len(list(scope_problems(ScopeSettings(accounts=("x", "y"), regions=("z",), role_name="r")))) == 3


@pytest.mark.parametrize(
    ("text", "is_url"), [("s3://bucket", True), ("s3://bucket/a/b", True), ("s3://B", False), ("s3:/bucket", False)]
)
def test_a_bucket_url_names_a_bucket(text, is_url):
    assert is_bucket_url(text) is is_url
