"""AWS KMS: the key of a secret, its state, its policy and its grants."""

import re
from typing import TYPE_CHECKING

from pullguard.arn import Arn
from pullguard.aws.answers import asks, looked_up
from pullguard.model import Document, Key, KeyGrant, Lookup

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_ACCOUNT = re.compile(r"(?:arn:[a-z-]+:iam::)?([0-9]{12})(?::root)?")
_NO_SUCH = frozenset({"NotFoundException"})


class Kms:
    """Reads of one account and Region."""

    def __init__(self, client: "KMSClient") -> None:
        self._client = client

    @asks("kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants")
    def key(self, key_id: str) -> Lookup[Key]:
        """Resolve a key id, key ARN or alias, and read what decides who may decrypt with it.

        The policy and the grants of an AWS managed key are not asked for: its use is fixed by AWS.
        """

        def describe() -> Key:
            data = self._client.describe_key(KeyId=key_id)["KeyMetadata"]
            arn = Arn.parse(data["Arn"], service="kms", resource_type="key")
            managed_by_aws = data.get("KeyManager") == "AWS"
            return Key(
                arn=arn,
                manager="AWS" if managed_by_aws else "CUSTOMER",
                state=data.get("KeyState", ""),
                policy={} if managed_by_aws else self._policy(arn),
                grants=() if managed_by_aws else self._grants(arn),
                deletion_at=data.get("DeletionDate"),
            )

        return looked_up("kms:DescribeKey", key_id, describe, missing=_NO_SUCH)

    def _policy(self, arn: Arn) -> Lookup[Document]:
        return looked_up(
            "kms:GetKeyPolicy",
            str(arn),
            lambda: self._client.get_key_policy(KeyId=str(arn), PolicyName="default")["Policy"],
            missing=_NO_SUCH,
        )

    def _grants(self, arn: Arn) -> Lookup[tuple[KeyGrant, ...]]:
        def call() -> tuple[KeyGrant, ...]:
            pages = self._client.get_paginator("list_grants").paginate(KeyId=str(arn))
            return tuple(
                KeyGrant(
                    grant_id=grant["GrantId"],
                    grantee=grant.get("GranteePrincipal", ""),
                    operations=tuple(grant.get("Operations", ())),
                    encryption_context_equals=dict(grant.get("Constraints", {}).get("EncryptionContextEquals", {})),
                    encryption_context_subset=dict(grant.get("Constraints", {}).get("EncryptionContextSubset", {})),
                    retiring=grant.get("RetiringPrincipal"),
                    issuer=_account_of(grant.get("IssuingAccount", "")),
                )
                for page in pages
                for grant in page["Grants"]
            )

        return looked_up("kms:ListGrants", str(arn), call, missing=_NO_SUCH)


def _account_of(issuer: str) -> str | None:
    """Return the account id: KMS tells it bare or as the ARN of the account's root."""
    found = _ACCOUNT.fullmatch(issuer)
    return found[1] if found else None
