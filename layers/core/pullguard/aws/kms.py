"""AWS KMS: the key of a secret, its state, its policy, its grants and its aliases."""

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from pullguard.aws.answers import asks, looked_up
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Document, Lookup, NotAsked
from pullguard.domain.secret import Key, KeyGrant

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_ACCOUNT = re.compile(r"(?:arn:[a-z-]+:iam::)?([0-9]{12})(?::root)?")
_NO_SUCH = frozenset({"NotFoundException"})
_NOT_TAKEN = frozenset({"InvalidArnException"})


class Kms:
    """Reads in one Region as a caller of ``account``.

    DescribeKey and ListGrants work across accounts, GetKeyPolicy and ListAliases do not: those two are not called for
    another account's key.
    Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
    """

    def __init__(self, client: "KMSClient", *, account: str) -> None:
        self._client = client
        self._account = account

    @asks("kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants", "kms:ListAliases")
    def key(self, arn: Arn) -> Lookup[Key]:
        """Resolve the ARN of a key or an alias, and read what decides who may decrypt with it.

        The policy and the grants of an AWS managed key are not read: AWS fixes its use.
        """

        def describe() -> Key:
            data = self._client.describe_key(KeyId=str(arn))["KeyMetadata"]
            found = Arn.parse(data["Arn"], service="kms", resource_type="key")
            key = Key(
                arn=found,
                manager="AWS" if data.get("KeyManager") == "AWS" else "CUSTOMER",
                state=data.get("KeyState", ""),
                policy={},
                grants=(),
                deletion_at=data.get("DeletionDate"),
            )
            return key if key.manager == "AWS" else self._with_access(key)

        return looked_up("kms:DescribeKey", str(arn), describe, missing=_NO_SUCH, refused=_NOT_TAKEN)

    def _with_access(self, key: Key) -> Key:
        arn = key.arn
        if arn.account == self._account:
            return replace(key, policy=self._policy(arn), grants=self._grants(arn), aliases=self._aliases(arn))
        return replace(
            key,
            policy=_answered_at_home(arn, "GetKeyPolicy", "get-key-policy", "--policy-name", "default"),
            grants=self._grants(arn),
            aliases=_answered_at_home(arn, "ListAliases", "list-aliases"),
        )

    def _aliases(self, arn: Arn) -> Lookup[tuple[str, ...]]:
        def call() -> tuple[str, ...]:
            pages = self._client.get_paginator("list_aliases").paginate(KeyId=str(arn))
            return tuple(alias["AliasName"] for page in pages for alias in page["Aliases"])

        return looked_up("kms:ListAliases", str(arn), call, missing=_NO_SUCH)

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


def _answered_at_home(arn: Arn, operation: str, command: str, *more: str) -> NotAsked:
    """Return that AWS KMS answers ``operation`` only to the key's own account, and the command to run there."""
    return NotAsked(
        why=f"AWS KMS answers {operation} of {arn} in account {arn.account} only",
        switch=f"run {command} in account {arn.account}",
        command=shlex.join(("aws", "kms", command, "--region", arn.region, "--key-id", str(arn), *more)),
    )


def _account_of(issuer: str) -> str | None:
    """Return the account id: KMS returns it bare or as the ARN of the account's root."""
    found = _ACCOUNT.fullmatch(issuer)
    return found[1] if found else None
