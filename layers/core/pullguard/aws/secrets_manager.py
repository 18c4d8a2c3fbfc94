"""AWS Secrets Manager: a secret's metadata, its policies, and the shape of its value."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pullguard.aws.answers import asks, looked_up
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Document, Lookup, Unreadable
from pullguard.domain.opt_in import REGISTRY_TAG
from pullguard.domain.role import NamedPolicy
from pullguard.domain.secret import CrossAccountPrimary, Replica, Rotation, Secret
from pullguard.domain.secret_value import Credentials, read_value

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_NO_SUCH = frozenset({"ResourceNotFoundException"})
# The errors of GetSecretValue for a secret in an unreadable state.
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
_NOT_NOW = frozenset(
    {"InvalidRequestException", "DecryptionFailure", "InvalidParameterException", "KMSInvalidStateException"}
)
# The errors of a call that the partition does not support yet.
_NO_SUCH_CALL = frozenset({"InvalidAction", "UnknownOperationException"})
_LIST_POLICIES = "secretsmanager:ListResourcePolicies"
_DEFAULT_POLICY = "default"


class SecretsManager:
    """Reads in one account and Region."""

    def __init__(self, client: "SecretsManagerClient") -> None:
        self._client = client

    @asks("secretsmanager:DescribeSecret")
    def describe(self, secret_id: str) -> Lookup[tuple[Secret, str | None]]:
        """Describe a secret by ARN, partial ARN or name; also return the id of its customer managed key, if any."""

        def call() -> tuple[Secret, str | None]:
            answer = self._client.describe_secret(SecretId=secret_id)
            return _secret(answer), answer.get("KmsKeyId")

        return looked_up("secretsmanager:DescribeSecret", secret_id, call, missing=_NO_SUCH)

    @asks("secretsmanager:GetResourcePolicy")
    def resource_policy(self, secret: Arn) -> Lookup[Document | None]:
        """Read the secret's resource policy; None if it does not have one."""
        return looked_up(
            "secretsmanager:GetResourcePolicy",
            str(secret),
            lambda: self._client.get_resource_policy(SecretId=str(secret)).get("ResourcePolicy"),
            missing=_NO_SUCH,
            refused=_NOT_NOW,
        )

    @asks("secretsmanager:ListResourcePolicies", "secretsmanager:GetResourcePolicy")
    def other_policies(self, secret: Arn) -> Lookup[tuple[NamedPolicy, ...]]:
        """Read the resource policies that AWS itself attached beside the default one, sorted by name.

        People can attach only the default one; AWS attaches another to a cross-account replica.
        Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_cross-account-replication.html
        """
        client: Any = self._client  # the installed stubs may be older than the SDK
        if not hasattr(client, "list_resource_policies"):
            return Unreadable(
                permission=_LIST_POLICIES,
                resource=str(secret),
                reason="refused",
                detail="the installed AWS SDK does not know the call",
            )

        def call() -> tuple[NamedPolicy, ...]:
            pages = client.get_paginator("list_resource_policies").paginate(SecretId=str(secret))
            names = sorted(each["PolicyName"] for page in pages for each in page["ResourcePolicies"])
            return tuple(read(name) for name in names if name != _DEFAULT_POLICY)

        def read(name: str) -> NamedPolicy:
            answer = client.get_resource_policy(SecretId=str(secret), PolicyName=name)
            return NamedPolicy(name=name, document=answer["ResourcePolicy"])

        return looked_up(_LIST_POLICIES, str(secret), call, missing=_NO_SUCH, refused=_NOT_NOW | _NO_SUCH_CALL)

    @asks("secretsmanager:ListSecretVersionIds")
    def current_keys(self, secret: Arn) -> Lookup[tuple[str, ...] | None]:
        """Read the keys under which the current version is encrypted; each can decrypt it. None if no key is named.

        After a change of the secret's key these are the former and the new key, or only the former if the principal
        that changed it may not use both.
        Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_update-encryption-key.html
        """

        def call() -> tuple[str, ...] | None:
            more: dict[str, Any] = {}
            while True:
                answer = self._client.list_secret_version_ids(SecretId=str(secret), **more)
                for version in answer.get("Versions", ()):
                    if "AWSCURRENT" in version.get("VersionStages", ()):
                        return tuple(version.get("KmsKeyIds", ())) or None
                if not (token := answer.get("NextToken")):
                    return None
                more = {"NextToken": token}

        return looked_up("secretsmanager:ListSecretVersionIds", str(secret), call, missing=_NO_SUCH, refused=_NOT_NOW)

    @asks("secretsmanager:GetSecretValue")
    def credentials(self, secret: Arn, version_id: str | None = None) -> Lookup[Credentials]:
        """Read a value (default: AWSCURRENT): its shape, username and password, both hidden from representations."""
        version = {"VersionId": version_id} if version_id else {}
        return looked_up(
            "secretsmanager:GetSecretValue",
            str(secret),
            lambda: read_value(dict(self._client.get_secret_value(SecretId=str(secret), **version))),
            missing=_NO_SUCH,
            refused=_NOT_NOW,
        )

    @asks("secretsmanager:ListSecrets")
    def opted_in(self) -> Lookup[tuple[Secret, ...]]:
        """List the secrets with the opt-in tag."""
        listed = self._listed(Filters=[{"Key": "tag-key", "Values": [REGISTRY_TAG]}])
        return tuple(each for each in listed if REGISTRY_TAG in each.tags) if isinstance(listed, tuple) else listed

    @asks("secretsmanager:ListSecrets")
    def every_secret(self) -> Lookup[tuple[Secret, ...]]:
        """List all secrets."""
        return self._listed()

    def _listed(self, **filters: Any) -> Lookup[tuple[Secret, ...]]:
        def call() -> tuple[Secret, ...]:
            pages = self._client.get_paginator("list_secrets").paginate(PaginationConfig={"PageSize": 100}, **filters)
            return tuple(_secret(entry) for page in pages for entry in page["SecretList"])

        return looked_up("secretsmanager:ListSecrets", "*", call)


def _secret(answer: Mapping[str, Any]) -> Secret:
    """Parse a response of DescribeSecret, or an entry of ListSecrets, which has nearly the same members."""
    stages = answer.get("VersionIdsToStages") or answer.get("SecretVersionsToStages") or {}
    return Secret(
        arn=Arn.parse(answer["ARN"], service="secretsmanager", resource_type="secret"),
        name=answer["Name"],
        tags={tag["Key"]: tag.get("Value", "") for tag in answer.get("Tags", ())},
        deleted_at=answer.get("DeletedDate"),
        stages={version: tuple(labels) for version, labels in stages.items()},
        rotation=Rotation(
            enabled=bool(answer.get("RotationEnabled")),
            interval_days=answer.get("RotationRules", {}).get("AutomaticallyAfterDays"),
            schedule=answer.get("RotationRules", {}).get("ScheduleExpression"),
            last_rotated_at=answer.get("LastRotatedDate"),
            next_rotation_at=answer.get("NextRotationDate"),
            lambda_arn=answer.get("RotationLambdaARN"),
        ),
        replicas=tuple(
            Replica(
                region=replica["Region"],
                status=replica.get("Status", ""),
                status_message=replica.get("StatusMessage"),
                key_id=replica.get("KmsKeyId"),
            )
            for replica in answer.get("ReplicationStatus", ())
        ),
        primary_region=answer.get("PrimaryRegion"),
        cross_account_primary=_cross_account_primary(answer.get("CrossAccountPrimary")),
        type=answer.get("Type") or None,
        owning_service=answer.get("OwningService"),
        last_changed_at=answer.get("LastChangedDate"),
    )


def _cross_account_primary(answer: Mapping[str, Any] | None) -> CrossAccountPrimary | None:
    if not answer:
        return None
    return CrossAccountPrimary(
        arn=answer.get("PrimarySecretARN", ""),
        status=answer.get("ReplicationStatus", ""),
        status_message=answer.get("StatusMessage"),
    )
