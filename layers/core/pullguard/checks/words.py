"""What each check needs in order to answer, and what mends what it finds: for the catalogue that people read.

A finding itself carries the remedy with the real names filled in; here stands its form.
"""

from dataclasses import dataclass
from typing import Final

_DEFINITION: Final = "the task definition alone"
_SECRET: Final = "secretsmanager:DescribeSecret"  # noqa: S105 (an action)
_VALUE: Final = "secretsmanager:GetSecretValue (kms:Decrypt) on an opted-in secret, or --read-values"
_ROLE: Final = "iam:GetRole"
_POLICIES: Final = "iam:GetRole and the role's policies, secretsmanager:GetResourcePolicy"
_KEY: Final = "kms:DescribeKey"
_KEY_POLICY: Final = "kms:DescribeKey, kms:GetKeyPolicy, kms:ListGrants, and the role's policies"
_REGISTRY: Final = "live verification (VerifyCredentials, --live-registry)"
_RUNNING: Final = "ecs:ListServices, ecs:DescribeServices, ecs:ListTasks, ecs:DescribeTasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """``needs`` is what has to be readable or switched on, ``remedy`` what to do; ``fix`` where no action says it."""

    needs: str
    remedy: str
    fix: str | None = None


_PUT: Final = "aws secretsmanager put-secret-value --secret-id ARN --secret-string file://credentials.json"
_NAME_IT: Final = "register a revision that names the secret by its full ARN"

WORDS: Final[dict[str, Words]] = {
    "reference-malformed": Words(needs=_DEFINITION, remedy=f"{_NAME_IT}, and nothing after it"),
    "reference-not-full-arn": Words(
        needs=_SECRET, remedy=_NAME_IT, fix="re-register where it is an error; a warning is told to people"
    ),
    "reference-stale": Words(needs=_SECRET, remedy="register a revision with the new ARN, and let the services run it"),
    "secret-not-found": Words(
        needs=_SECRET,
        remedy="register a revision that names the one that is meant, or aws secretsmanager create-secret --name NAME",
    ),
    "credentials-missing": Words(
        needs=f"secretsmanager:ListSecrets; {_REGISTRY} for registries at which anybody keeps public images",
        remedy="register a revision that names the secret that is kept for the registry",
    ),
    "credentials-on-ecr-image": Words(needs=_DEFINITION, remedy="register a revision without repositoryCredentials"),
    "registry-mismatch": Words(
        needs=_SECRET, remedy="name a secret that is for this registry, or have its owner add the host to the tag"
    ),
    "secret-scheduled-for-deletion": Words(needs=_SECRET, remedy="aws secretsmanager restore-secret --secret-id ARN"),
    "secret-no-current-version": Words(needs=_SECRET, remedy=_PUT),
    "secret-value-binary": Words(needs=_VALUE, remedy=_PUT),
    "secret-value-malformed": Words(needs=_VALUE, remedy=_PUT),
    "secret-value-empty-field": Words(needs=_VALUE, remedy=_PUT),
    "secret-value-key-case": Words(needs=_VALUE, remedy=f"{_PUT}, with its keys in lower case"),
    "secret-rotation-failed": Words(
        needs=f"{_SECRET}; that a rotation failed is told by an event only",
        remedy="mend the rotation function, then aws secretsmanager rotate-secret --secret-id ARN",
    ),
    "secret-replica-failed": Words(
        needs=f"{_SECRET} on the primary", remedy="aws secretsmanager replicate-secret-to-regions, once its way is free"
    ),
    "execution-role-missing": Words(needs=_DEFINITION, remedy="register a revision with an executionRoleArn"),
    "execution-role-not-found": Words(
        needs=_ROLE, remedy="register a revision that names a role of its own account, or aws iam create-role"
    ),
    "execution-role-not-assumable": Words(
        needs=_ROLE, remedy="let ecs-tasks.amazonaws.com assume the role: aws iam update-assume-role-policy"
    ),
    "secret-access-missing": Words(
        needs=_POLICIES, remedy="aws iam put-role-policy with secretsmanager:GetSecretValue on this secret alone"
    ),
    "secret-access-denied": Words(
        needs=_POLICIES, remedy="remove the statement that denies, or make it spare this role and secret"
    ),
    "secret-access-blocked-by-boundary": Words(
        needs=_POLICIES, remedy="aws iam create-policy-version of the boundary, which allows the pull too"
    ),
    "secret-access-blocked-by-organization": Words(
        needs="the organization's policies, or the simulator (CrossCheck, --cross-check)",
        remedy="ask whoever keeps the organization's policies to let the statements through",
    ),
    "secret-resource-policy-missing": Words(
        needs=_POLICIES, remedy="in the secret's account, aws secretsmanager put-resource-policy that lets the role in"
    ),
    "secret-access-too-broad": Words(
        needs=_POLICIES, remedy="put a statement that names the secret in the place of the broad one"
    ),
    "inline-policy-quota": Words(
        needs=_POLICIES, remedy="aws iam create-policy and attach-role-policy, or make room among the inline policies"
    ),
    "key-unusable": Words(
        needs=_KEY, remedy="aws kms enable-key or cancel-key-deletion, or encrypt the secret under another key"
    ),
    "decrypt-access-missing": Words(
        needs=_KEY_POLICY, remedy="aws iam put-role-policy with kms:Decrypt on this key, through Secrets Manager"
    ),
    "decrypt-access-denied": Words(
        needs=_KEY_POLICY, remedy="let the key policy name the role, for Decrypt through Secrets Manager"
    ),
    "default-key-cross-account": Words(
        needs=_SECRET, remedy="in the secret's account, aws secretsmanager update-secret --kms-key-id KEY-ARN"
    ),
    "credentials-rejected": Words(needs=_REGISTRY, remedy=f"{_PUT}, with credentials that the registry takes"),
    "image-not-found": Words(
        needs=f"{_REGISTRY}; for a text that is no image, the task definition alone",
        remedy="push the image, or register a revision that names one that exists",
    ),
    "registry-rate-limited": Words(
        needs=_REGISTRY, remedy="wait, use an account with a higher limit, or pull through a cache"
    ),
    "registry-unreachable": Words(needs=_REGISTRY, remedy="look at the registry, and at the way to it"),
    "fargate-platform-too-old": Words(
        needs=_RUNNING, remedy="aws ecs update-service --service NAME --platform-version LATEST"
    ),
    "container-agent-too-old": Words(
        needs=f"{_RUNNING}, ecs:ListContainerInstances, ecs:DescribeContainerInstances",
        remedy="aws ecs update-container-agent, or a current ECS-optimized image",
    ),
    "task-start-failed": Words(
        needs=_RUNNING,
        remedy="the remedy of the finding that explains it",
        fix="that of the check that explains it",
    ),
}
