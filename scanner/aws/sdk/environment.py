"""Reads the certificates and the Region from the environment, where botocore would misread an empty variable."""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import Literal

from aiobotocore.session import AioSession

from scanner.aws.transport.tls import tls_context

_log = logging.getLogger(__name__)


def set_ca_bundle(core: AioSession) -> str | Literal[True]:
    """Sets the file of certificates that every client trusts, and tries to load it; True stands for the SDK's own.

    The profile's `ca_bundle` comes after AWS_CA_BUNDLE and before REQUESTS_CA_BUNDLE, as in botocore. An empty variable
    counts as absent: botocore would turn verification off.

    Raises:
        ConfigError: the file cannot be used; names the variable or setting.
    """
    for name, bundle in (
        ("AWS_CA_BUNDLE", os.environ.get("AWS_CA_BUNDLE")),
        ("ca_bundle in the AWS config file", core.get_scoped_config().get("ca_bundle")),
        ("REQUESTS_CA_BUNDLE", os.environ.get("REQUESTS_CA_BUNDLE")),
    ):
        if bundle:
            tls_context(str(bundle), name)
            core.set_config_variable("ca_bundle", str(bundle))
            return str(bundle)
    return True


def set_region(core: AioSession, default_region: str | None, region: str | None) -> None:
    """Sets the Region as the variables name it. An empty one counts as absent: botocore would prefer it to the profile.

    AWS_DEFAULT_REGION comes first, as in botocore, which does not know AWS_REGION; containers and other SDKs do.
    """
    if default_region and region and default_region != region:
        warn_of_two_regions(default_region, region)
    if not default_region:
        core.set_config_variable("region", region or core.get_scoped_config().get("region"))


@cache
def warn_of_two_regions(default_region: str, region: str) -> None:
    """Says once which of two variables is used."""
    _log.warning(
        "AWS_DEFAULT_REGION (%s) is used and AWS_REGION (%s) is not: they differ; unset one of them",
        default_region,
        region,
    )
