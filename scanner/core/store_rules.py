"""What the settings of a store may be: the one place that knows how KMS keys and canned ACLs are written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scanner.core.did_you_mean import did_you_mean
from scanner.core.scope_rules import Problem, account_id_problem, is_bucket_url
from scanner.core.settings import StoreSettings

_KMS_KEY = re.compile(r"[A-Za-z0-9:/_-]{1,2048}", re.ASCII)  # a key id, an alias or the ARN of either
_MIN_LEASE_S = 1.0
#: The canned ACLs of an S3 object.
_ACLS = (
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
)


def store_problems(store: StoreSettings) -> Iterator[Problem]:
    """Yields every reason why the store cannot be used, as far as its settings show."""
    location = store.location
    if not location:
        yield "store.location", "name a folder or s3://bucket/prefix"
    elif location != location.strip():  # as a file of variables leaves it: no one would find the folder again
        yield "store.location", f"{location!a} begins or ends with a blank; remove it"
    elif location.startswith("s3:") and not is_bucket_url(location):
        yield "store.location", f"{location!a} is not s3://bucket or s3://bucket/prefix"
    elif "://" in location and not location.startswith("s3:"):
        yield "store.location", f"{location!a} is neither a folder nor s3://bucket/prefix"
    if store.kms_key_id is not None and not _KMS_KEY.fullmatch(store.kms_key_id):
        yield "store.kms_key_id", f"{store.kms_key_id!a} is not the id, alias or ARN of a KMS key"
    if store.acl is not None and store.acl not in _ACLS:
        yield "store.acl", f"{store.acl!a} is not one of {', '.join(_ACLS)}{did_you_mean(store.acl, _ACLS)}"
    if store.expected_bucket_owner is not None and (text := account_id_problem(store.expected_bucket_owner)):
        yield "store.expected_bucket_owner", text
    if not _MIN_LEASE_S <= store.lease_s < float("inf"):
        yield "store.lease_s", f"{store.lease_s:g} is not at least {_MIN_LEASE_S:g}"
