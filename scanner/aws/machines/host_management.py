"""Reads whether Default Host Management Configuration is on: then instances without a profile become managed too.

Source: SSM user guide, "Managing EC2 instances automatically with Default Host Management Configuration". The value is
the name of a role; a Status of `Default` means off.
"""

from __future__ import annotations

from functools import partial

import msgspec
from msgspec import Struct

from scanner.aws.machines.ask import Ask
from scanner.aws.operations import GET_SERVICE_SETTING
from scanner.aws.transport.decoding import decode

_SETTING = "/ssm/managed-instance/default-ec2-instance-management-role"


class _Setting(Struct, rename="pascal"):
    status: str | None = None
    setting_value: str | None = None


class _Answer(Struct, rename="pascal"):
    service_setting: _Setting


_DECODER = msgspec.json.Decoder(_Answer)


async def is_host_management_on(ask: Ask) -> bool:
    """Returns whether it is on in the target.

    Raises:
        AwsError: the caller may not ask.
    """
    answer = await ask(GET_SERVICE_SETTING, {"SettingId": _SETTING}, partial(decode, _DECODER))
    return answer.service_setting.status == "Customized"
