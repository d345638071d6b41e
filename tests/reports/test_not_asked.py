"""The same refusal in many accounts is one line with a count."""

from __future__ import annotations

from scanner.core.model import Target
from scanner.reports.not_asked import not_asked_lines


def refused(number, action="ec2:DescribeInstances", code="UnauthorizedOperation", region="eu-west-1"):
    account = f"{number:012}"
    return (
        Target(account, region),
        (
            f"{action} in account {account}, Region {region}, failed: {code} (You are not authorized); "
            f"allow {action} to the role or user that asks"
        ),
    )


def test_one_denial_in_three_accounts_is_one_line():
    lines = list(not_asked_lines([refused(1), refused(1, region="us-east-1"), refused(2), refused(3)]))

    assert lines == ["not asked: ec2:DescribeInstances is denied in 3 accounts (4 targets)"]


def test_each_cause_has_a_line_the_most_frequent_first():
    other = {"action": "ssm:GetInventory", "code": "AccessDeniedException"}

    assert list(not_asked_lines([refused(1, **other), refused(1), refused(2)])) == [
        "not asked: ec2:DescribeInstances is denied in 2 accounts",
        "not asked: ssm:GetInventory is denied in 1 account",
    ]


def test_several_refusals_in_one_text_are_apart():
    target, text = refused(1)
    _, other = refused(1, action="tag:GetResources", code="AccessDenied")

    assert len(list(not_asked_lines([(target, f"{text}; {other}")]))) == 2


def test_a_refusal_that_is_no_denial_keeps_its_reason():
    (line,) = not_asked_lines([refused(1, code="InternalServerError")])

    assert line.startswith("not asked: ec2:DescribeInstances failed in 1 account, the first: ec2:DescribeInstances in")


def test_words_of_their_own_are_grouped_too():
    sentence = "ssm:GetInventory is denied"

    assert list(not_asked_lines([(Target("1" * 12, "a"), sentence), (Target("2" * 12, "a"), sentence)])) == [
        "not asked: ssm:GetInventory is denied in 2 accounts"
    ]


def odd(number, name):
    target = Target(f"{number:012}", "eu-west-1")
    where = f"account {target.account_id}, Region {target.region}"
    return target, f"tag:GetResources in {where}, answered what cannot be read: {name}"


def test_members_that_cannot_be_read_are_one_line_with_the_first_of_them():
    (line,) = not_asked_lines([odd(1, "a tag of mi-1, a resource"), odd(2, "a tag of mi-2")])

    assert line == (
        "not read: tag:GetResources answered what cannot be read in 2 accounts, the first: tag:GetResources in account "
        "000000000001, Region eu-west-1, answered what cannot be read: a tag of mi-1, a resource"
    )


def test_a_refusal_and_members_that_cannot_be_read_stay_apart_in_one_text():
    target, text = refused(1)
    _, other = odd(1, "a resource")

    lines = list(not_asked_lines([(target, f"{other}; {text}"), (target, f"{text}; {other}")]))

    assert {line.split(" in ")[0] for line in lines} == {
        "not asked: ec2:DescribeInstances is denied",
        "not read: tag:GetResources answered what cannot be read",
    }


def cut(number, message="UnauthorizedOperation (no; ask later)"):
    target = Target(f"{number:012}", "eu-west-1")
    return target, (
        f"ec2:DescribeInstances in account {target.account_id}, Region {target.region}, failed midway: {message}"
    )


def test_the_rest_of_a_listing_that_broke_off_is_apart_from_what_was_not_asked_at_all():
    first = cut(2)[1]
    assert list(not_asked_lines([refused(1), cut(2), cut(3, "the answer is torn")])) == [
        f"not read: the rest of ec2:DescribeInstances in 2 accounts, the first: {first}",
        "not asked: ec2:DescribeInstances is denied in 1 account",
    ]


def test_a_listing_that_broke_off_hides_no_other_sentence_of_its_target():
    target, text = cut(1)
    _, other = refused(1, action="tag:GetResources", code="AccessDenied")
    for joined in (f"{text}; {other}", f"{other}; {text}"):
        assert sorted(line.partition(" in ")[0] for line in not_asked_lines([(target, joined)])) == [
            "not asked: tag:GetResources is denied",
            "not read: the rest of ec2:DescribeInstances",
        ]
