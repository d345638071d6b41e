"""No AWS setting of the machine reaches a test."""

from tests.aws.conftest import _isolated_aws_settings

__all__ = ["_isolated_aws_settings"]
