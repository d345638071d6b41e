"""The parameters that the settings of a store on S3 add to its requests."""

from __future__ import annotations

from typing import Any

from scanner.core.settings import StoreSettings


class S3Parameters:
    """Parameters of one bucket: `every` for each request, `write` for each PutObject."""

    def __init__(self, bucket: str, store: StoreSettings) -> None:
        self.expected_owner = store.expected_bucket_owner
        self.acl = store.acl
        # Typed as the SDK's stubs leave no other way: keyword arguments by name.
        self.every: dict[str, Any] = {"Bucket": bucket}
        if store.expected_bucket_owner is not None:
            self.every["ExpectedBucketOwner"] = store.expected_bucket_owner
        self.write: dict[str, Any] = dict(self.every)
        if store.kms_key_id is not None:
            self.write |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": store.kms_key_id}
        if store.acl is not None:
            self.write["ACL"] = store.acl
