"""The requests behind one pull as AWS sees them: the values known beforehand, and the unknown ones.

The ECS agent calls GetSecretValue with the execution role's session; Secrets Manager then calls Decrypt for it.
Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html,
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html,
https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html and
https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pullguard.access.request import ContextValue, NotBefore, Partial, Request, RoleSession, Service, Unknowable
from pullguard.domain.arn import Arn, dns_suffix_of
from pullguard.domain.aws_cli import command
from pullguard.domain.lookup import Lookup, Missing, NotAsked, explained, vanished
from pullguard.domain.role import Role
from pullguard.domain.secret import Secret

READ_VALUE = "secretsmanager:GetSecretValue"
DECRYPT = "kms:Decrypt"
ASSUME_ROLE = "sts:AssumeRole"
ECS_TASKS = "ecs-tasks.amazonaws.com"

Values = dict[str, ContextValue | list[str] | tuple[ContextValue, ...]]

_NEVER_SENT = frozenset(
    (
        "aws:assumedroot", "aws:chatbotsourcearn", "aws:federatedprovider", "aws:multifactorauthage",
        "aws:principalservicename", "aws:principalservicenameslist", "aws:sourceaccount", "aws:sourcearn",
        "aws:sourceidentity", "aws:sourceorgid", "aws:sourceorgpaths", "aws:tagkeys", "aws:username",
    )
)  # fmt: skip
_ALIASES = "kms:resourcealiases"
_OF_PRINCIPAL = frozenset(("aws:principalorgid", "aws:principalorgpaths"))
_OF_RESOURCE = frozenset(("aws:resourceorgid", "aws:resourceorgpaths"))
_NEVER_SENT_PREFIXES = ("aws:principaltag/", "aws:requesttag/")
# GetSecretValue returns AWSCURRENT if the request names no stage, and policies that allow only that stage are common.
# The table of condition keys says that the key is the stage that the request names: so it is absent, or it is
# AWSCURRENT.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
_NO_STAGING_LABEL = "AWS does not say whether secretsmanager:VersionStage is absent where a request names no stage"
# A service assumes the role, so no MFA device was used; no page documents whether the key is then false or absent.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-multifactorauthpresent
_MFA = "aws:multifactorauthpresent"
_NO_MFA = "AWS does not say whether aws:MultiFactorAuthPresent is absent or false in the session of a task"
_WITHOUT_MFA: dict[str, tuple[ContextValue, ...]] = {_MFA: ("false",)}
_ALWAYS_SENT = frozenset(("aws:currenttime", "aws:epochtime", "aws:tokenissuetime", "aws:userid"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Known facts beyond the role and the secret.

    ``reference`` is the text of credentialsParameter, which ECS passes on unchanged (None: the secret's ARN). ``now``
    makes conditions on the time decidable; ``organization_id`` (``o-…``, Missing if the account is in no organization)
    those on the caller's organization.
    """

    reference: str | None = None
    now: datetime | None = None
    organization_id: Lookup[str] | None = None


def secret_request(role: Role, secret: Secret, around: Circumstances) -> Request:
    """GetSecretValue as the ECS agent sends it: the reference verbatim, no version and no stage."""
    tags = {
        f"{prefix}ResourceTag/{key}": value
        for prefix in ("aws:", "secretsmanager:")
        for key, value in secret.tags.items()
    }
    context = _calling(role, secret.arn, around) | {
        "secretsmanager:SecretId": around.reference or str(secret.arn),
        "aws:ViaAWSService": "false",
        **tags,
    }
    primary, stage = "secretsmanager:secretprimaryregion", "secretsmanager:versionstage"
    if secret.primary_region is not None:
        context[primary] = secret.primary_region
    if secret.rotation.lambda_arn is not None:
        context["secretsmanager:resource/AllowRotationLambdaArn"] = secret.rotation.lambda_arn
    absent, problems = _of_organization(role, secret.arn, around)
    unknowable = Unknowable(
        prefixes=("aws:", "ec2:", primary, stage),
        absent=_NEVER_SENT | {"aws:calledvia", "aws:calledviafirst", "aws:calledvialast"} | absent,
        absent_prefixes=(*_NEVER_SENT_PREFIXES, "aws:resourcetag/"),
        present=_ALWAYS_SENT,
        problems={**problems, stage: _NO_STAGING_LABEL, _MFA: _NO_MFA},
        either={stage: ("AWSCURRENT",), **_WITHOUT_MFA},
        narrowing=frozenset((stage,)),
    )
    return _request(role, READ_VALUE, secret.arn, context, unknowable)


def decrypt_request(
    role: Role, secret: Secret, key_arn: Arn, aliases: Lookup[tuple[str, ...]] | None, around: Circumstances
) -> Request:
    """Decrypt as Secrets Manager sends it for the role, with the secret's ARN in the encryption context.

    ``aliases`` are the key's (``alias/registry``), None if unknown.
    Source: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-resource-aliases
    """
    arn = secret.arn
    context = _calling(role, key_arn, around) | {
        "aws:ViaAWSService": "true",
        "aws:CalledVia": ["secretsmanager.amazonaws.com"],
        "aws:CalledViaFirst": "secretsmanager.amazonaws.com",
        "aws:CalledViaLast": "secretsmanager.amazonaws.com",
        "kms:ViaService": f"secretsmanager.{arn.region}.{dns_suffix_of(arn.partition)}",
        "kms:CallerAccount": role.arn.account,
        "kms:EncryptionContext:SecretARN": str(arn),
        "kms:EncryptionContextKeys": ["SecretARN", "SecretVersionId"],
        "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "kms:KeySpec": "SYMMETRIC_DEFAULT",
        "kms:KeyUsage": "ENCRYPT_DECRYPT",
        "kms:MultiRegion": "true" if key_arn.resource_name.startswith("mrk-") else "false",
    }
    absent, problems = _of_organization(role, key_arn, around)
    if isinstance(aliases, tuple):
        context["kms:ResourceAliases"] = list(aliases)
        absent |= {_ALIASES}
    elif aliases is not None:
        problems[_ALIASES] = vanished(aliases) if isinstance(aliases, Missing) else explained(aliases)
    unknowable = Unknowable(
        prefixes=("aws:", "ec2:", "kms:"),
        absent=_NEVER_SENT | absent,
        # Secrets Manager sends the two pairs and no other: SecretARN above, and SecretVersionId, whose value is
        # unknown.
        absent_prefixes=(*_NEVER_SENT_PREFIXES, "kms:encryptioncontext:"),
        present=_ALWAYS_SENT | {"kms:encryptioncontext:secretversionid"},
        problems={**problems, _MFA: _NO_MFA},
        problem_prefixes={"aws:resourcetag/": explained(tags_of(key_arn))},
        either=_WITHOUT_MFA,
    )
    return _request(role, DECRYPT, key_arn, context, unknowable)


def tags_of(key: Arn) -> NotAsked:
    """State that a key's tags, ``aws:ResourceTag`` of Decrypt, are not read, with the command that lists them."""
    return NotAsked(
        why=f"aws:ResourceTag means the tags of the key {key}, which were not read",
        switch="compare the condition with the tags of the key, which this command lists",
        command=command("kms", "list-resource-tags", ("--region", key.region), ("--key-id", str(key))),
    )


def assume_request(role: Role, region: str | None, around: Circumstances) -> Request:
    """AssumeRole as ECS sends it for a task of the role's own account in ``region`` (None: any).

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    """
    context = _times(around) | {
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": ECS_TASKS,
        "aws:PrincipalType": "Service",
        "aws:SecureTransport": "true",
        "aws:ResourceAccount": role.arn.account,
        "aws:SourceAccount": role.arn.account,
        "aws:SourceArn": Partial(parts=("arn", role.arn.partition, "ecs", region, role.arn.account, None)),
        **{f"aws:ResourceTag/{key}": value for key, value in role.tags.items()},
    }
    unknowable = Unknowable(
        prefixes=("aws:", "sts:"),
        absent=frozenset(("aws:principalarn", "aws:principalaccount", "aws:username", "sts:externalid", "aws:tagkeys")),
        absent_prefixes=("aws:principaltag/", "aws:requesttag/", "aws:resourcetag/"),
        present=frozenset(("aws:currenttime", "aws:epochtime", "sts:rolesessionname")),
    )
    return Request.of(
        caller=Service(name=ECS_TASKS),
        action=ASSUME_ROLE,
        resource=str(role.arn),
        resource_account=role.arn.account,
        context=context,
        unknowable=unknowable,
    )


def _request(role: Role, action: str, resource: Arn, context: Values, unknowable: Unknowable) -> Request:
    caller = RoleSession(
        role_arn=str(role.arn),
        account=role.arn.account,
        partition=role.arn.partition,
        role_id=role.role_id,
        session=None,
    )
    return Request.of(
        caller=caller,
        action=action,
        resource=str(resource),
        resource_account=resource.account,
        context=context,
        unknowable=unknowable,
    )


def _calling(role: Role, resource: Arn, around: Circumstances) -> Values:
    context = _session_times(around) | {
        "aws:PrincipalArn": str(role.arn),
        "aws:PrincipalAccount": role.arn.account,
        "aws:PrincipalType": "AssumedRole",
        "aws:PrincipalIsAWSService": "false",
        "aws:RequestedRegion": resource.region,
        "aws:ResourceAccount": resource.account,
        "aws:SecureTransport": "true",
        **{f"aws:PrincipalTag/{key}": value for key, value in role.tags.items()},
    }
    if role.role_id:
        context["aws:userid"] = Partial(parts=(role.role_id, None))
    if isinstance(around.organization_id, str):
        context["aws:PrincipalOrgID"] = around.organization_id
        if role.arn.account == resource.account:
            context["aws:ResourceOrgID"] = around.organization_id
    return context


def _of_organization(role: Role, resource: Arn, around: Circumstances) -> tuple[frozenset[str], dict[str, str]]:
    """Return the organization keys that are absent because there is no organization, and why any of them is unknown."""
    organization = around.organization_id
    if organization is None or isinstance(organization, str):
        return frozenset(), {}
    keys = _OF_PRINCIPAL | (_OF_RESOURCE if role.arn.account == resource.account else frozenset())
    if isinstance(organization, Missing):
        return keys, {}
    return frozenset(), dict.fromkeys(keys, explained(organization))


def _session_times(around: Circumstances) -> Values:
    """The session's credentials are issued when the task starts, which is not before now."""
    if around.now is None:
        return {}
    issued = NotBefore(epoch_s=Decimal(str(around.now.timestamp())))
    return _times(around) | {"aws:TokenIssueTime": issued}


def _times(around: Circumstances) -> Values:
    if around.now is None:
        return {}
    return {"aws:CurrentTime": around.now.isoformat(), "aws:EpochTime": str(int(around.now.timestamp()))}
