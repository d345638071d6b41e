"""Answers STS GetCallerIdentity and AssumeRole."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs

from scanner.simulator.api.replies import AwsFailure, Reply, xml_reply
from scanner.simulator.running.sessions import MAX_SESSION_S, MIN_SESSION_S
from scanner.simulator.running.simulation import Call, Simulation

_ROLE_ARN = re.compile(r"arn:aws:iam::(?P<account>\d{12}):role/(?P<role>[\w+=,.@/-]+)")
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")


def get_caller_identity(_simulation: Simulation, call: Call) -> Reply:
    keys = call.keys
    return xml_reply(
        call.operation,
        f"<Arn>{keys.arn}</Arn><UserId>{keys.user_id}</UserId><Account>{keys.account_id}</Account>",
    )


def assume_role(simulation: Simulation, call: Call) -> Reply:
    """Returns a session of the role that every member account has.

    Raises:
        AwsFailure: AccessDenied where role, trust or external id do not fit; AWS does not say which.
    """
    form = {name: values[0] for name, values in parse_qs(call.body.decode(), keep_blank_values=True).items()}
    arn, session_name = form.get("RoleArn", ""), form.get("RoleSessionName", "")
    duration_s = int(form.get("DurationSeconds", MAX_SESSION_S))
    found = _ROLE_ARN.fullmatch(arn)
    _check_form(arn, session_name, duration_s, is_role_arn=found is not None)
    assert found is not None
    account_id, role = found["account"], found["role"]
    world = simulation.world
    fits = role == world.role_name and form.get("ExternalId") == world.external_id
    if world.external_id is None:
        fits = role == world.role_name
    if not fits or not simulation.world_state.can_be_assumed(account_id):
        raise AwsFailure(
            "AccessDenied",
            f"User: {call.keys.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}",
            status=403,
        )
    keys, promised_s = simulation.sessions.assume(account_id, role, session_name, duration_s)
    expiration = datetime.fromtimestamp(promised_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return xml_reply(
        call.operation,
        f"<Credentials><AccessKeyId>{keys.access_key}</AccessKeyId><SecretAccessKey>{keys.secret_key}</SecretAccessKey>"
        f"<SessionToken>{keys.token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>"
        f"<AssumedRoleUser><AssumedRoleId>{keys.user_id}</AssumedRoleId><Arn>{keys.arn}</Arn></AssumedRoleUser>",
    )


def _check_form(arn: str, session_name: str, duration_s: int, *, is_role_arn: bool) -> None:
    if not is_role_arn:
        raise AwsFailure("ValidationError", f"{arn} is invalid")
    if not _SESSION_NAME.fullmatch(session_name):
        raise AwsFailure(
            "ValidationError",
            f"1 validation error detected: Value '{session_name}' at 'roleSessionName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [\\w+=,.@-]*",
        )
    if duration_s > MAX_SESSION_S:
        raise AwsFailure(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        )
    if duration_s < MIN_SESSION_S:
        raise AwsFailure(
            "ValidationError",
            f"1 validation error detected: Value '{duration_s}' at 'durationSeconds' failed to satisfy constraint: "
            f"Member must have value greater than or equal to {MIN_SESSION_S}",
        )
