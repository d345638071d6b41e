"""The CloudFormation templates as data, and what their policies allow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cfnlint.decode

DEPLOY = Path(__file__).parents[2] / "deploy"
TEMPLATES = sorted((DEPLOY / "cloudformation").glob("*.yaml"))


def resources(template: str) -> dict[str, dict]:
    """The resources of a template, intrinsic functions in their long form (`{"Fn::Sub": …}`)."""
    return _decoded(template)["Resources"]


def parameters(template: str) -> dict[str, dict]:
    """The parameters of a template."""
    return _decoded(template)["Parameters"]


def allowed(role: dict) -> Iterator[tuple[str, list, dict]]:
    """Each action that a role's own policies allow, with its resources and its condition."""
    for policy in role["Properties"]["Policies"]:
        for statement in map(_if_true, policy["PolicyDocument"]["Statement"]):
            assert statement["Effect"] == "Allow", statement
            for action in _list(statement["Action"]):
                yield action, _list(statement["Resource"]), statement.get("Condition", {})


def _if_true(statement: dict) -> dict:
    """Returns the statement that stands where its condition holds."""
    return statement["Fn::If"][1] if "Fn::If" in statement else statement


def _decoded(template: str) -> dict[str, dict]:
    decoded, faults = cfnlint.decode.decode(str(DEPLOY / "cloudformation" / template))
    assert not faults, faults
    return decoded


def _list(value: object) -> list:
    return value if isinstance(value, list) else [value]
