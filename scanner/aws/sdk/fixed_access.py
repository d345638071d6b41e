"""An endpoint and keys that the program itself names, in the place of whatever the environment and AWS's files say."""

from __future__ import annotations

import os

from aiobotocore.session import AioSession
from msgspec import Struct

_NOT_FROM_OUTSIDE = {
    "profile": None,
    "config_file": os.devnull,
    "credentials_file": os.devnull,
    "ca_bundle": None,
    "use_fips_endpoint": False,
    "use_dualstack_endpoint": False,
}


class FixedAccess(Struct, frozen=True):
    """One server that answers for every service, and who calls it."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    region: str

    def __repr__(self) -> str:
        return f"FixedAccess({self.endpoint_url!r})"

    def apply_to(self, session: AioSession) -> None:
        """Sets the keys and the Region of an SDK session, and keeps it from reading profiles and AWS's files.

        Variables of the process stay as they are: other sessions, such as that of a store on S3, read them.
        """
        values = session.get_component("config_store")
        for name, value in {**_NOT_FROM_OUTSIDE, "region": self.region}.items():
            values.set_config_variable(name, value)
        session.set_credentials(self.access_key_id, self.secret_access_key)
