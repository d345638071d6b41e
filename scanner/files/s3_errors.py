"""What an error of S3 means to the owner of a store, as one sentence."""

from __future__ import annotations

from scanner.aws.requests.error_table import connection_remedy, kind_of, words_of
from scanner.aws.transport.interface import NoResponse, ServiceError
from scanner.core.errors import AwsError, CredentialsExpired, StoreError, Throttled, Transient

_RETRIED = (Throttled, Transient, CredentialsExpired)
#: A conditional write that met another one; AWS says to send it again. OperationAborted is its general form.
_CONFLICTS = frozenset({"ConditionalRequestConflict", "OperationAborted"})
_REMEDIES = {
    "NoSuchBucket": "create the bucket or correct its name",
    "ExpiredToken": "the credentials have expired: log in again, or get new ones",
    "InvalidAccessKeyId": "check AWS_PROFILE and the access keys",
    "SignatureDoesNotMatch": "check AWS_PROFILE and the access keys",
    "PermanentRedirect": "set AWS_REGION to the Region of the bucket",
    "AccessControlListNotSupported": "the bucket has ACLs disabled: remove store.acl",
    "KMS.NotFoundException": "correct store.kms_key_id: the key must be in the bucket's Region",
    "KMS.DisabledException": "enable the KMS key, or name another one with store.kms_key_id",
    "KMS.KMSInvalidStateException": "enable the KMS key, or name another one with store.kms_key_id",
    "InvalidBucketOwnerAWSAccountID": "correct store.expected_bucket_owner: an account id has 12 digits",
}
#: The permission that each operation needs on the bucket or its objects.
PERMISSIONS = {
    "list": "s3:ListBucket on the bucket",
    "read": "s3:GetObject on the prefix",
    "write": "s3:PutObject on the prefix",
    "delete": "s3:DeleteObject on the prefix",
}


class S3Request:
    """What is being done, for the sentences about its failure: `sentence` is what could not be done."""

    def __init__(self, sentence: str, action: str, *, bucket_owner: str | None, acl: str | None) -> None:
        self._sentence = sentence
        self._action = action
        self._bucket_owner = bucket_owner
        self._acl = acl

    def error(self, failure: ServiceError | NoResponse) -> AwsError | StoreError:
        """Returns the error that says whether to try again, with S3's words and what to do."""
        if isinstance(failure, NoResponse):
            code, words, remedy = "", failure.reason, connection_remedy(failure)
        else:
            code, words = failure.code, words_of(failure)
            remedy = self._remedy(failure)
        kind = Transient if code in _CONFLICTS else kind_of(failure)
        sentence = f"{self._sentence}: {words}; {remedy}"
        return kind(sentence, code=code) if issubclass(kind, _RETRIED) else StoreError(sentence)

    def _remedy(self, failure: ServiceError) -> str:
        # S3 answers AccessDenied to four different faults and tells some of them apart in its message only.
        if failure.code != "AccessDenied":
            return _REMEDIES.get(failure.code, "see what S3 says")
        if "kms:" in failure.message:
            return "allow kms:GenerateDataKey and kms:Decrypt on the key, in its key policy too"
        remedies = [f"allow {PERMISSIONS[self._action]}"]
        if self._action == "write" and self._acl is not None:
            remedies.append("allow s3:PutObjectAcl for store.acl")
        if self._bucket_owner is not None:
            remedies.append(f"check that account {self._bucket_owner} (store.expected_bucket_owner) owns the bucket")
        if self._action == "read":
            # Without s3:ListBucket a name that is not there is answered with AccessDenied instead of NoSuchKey.
            remedies.append(f"allow {PERMISSIONS['list']}")
        return "; ".join(remedies)
