"""The texts with which ECS says why a task did not start, and what explains them.

The words change with the platform and the agent, and Fargate cuts long ones: that a text lacks ``AccessDenied``
proves nothing. So a text only causes a validation and phrases the message; a finding's status comes from the facts.
Patterns are matched without case, after typographic apostrophes (U+2019) became plain ones.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "value-malformed",  # the secret was read, and holds no user name and password
    "credentials-denied",  # the execution role may not read the secret
    "decrypt-denied",  # ... or not decrypt it
    "secret-not-found",
    "secret-deleted",  # scheduled for deletion
    "secret-unreachable",  # no way from the task to Secrets Manager
    "secret-throttled",  # too many calls of Secrets Manager in this account and Region
    "role-credentials",  # the agent has no credentials of the execution role
    "credentials-failed",  # the secret was not read; the text does not say why, or was cut
    "ecr-authorization",  # not ours: Amazon ECR
    "secret-injection",  # not ours: secrets[].valueFrom
    "no-credentials-used",
    "rate-limited",
    "pull-denied",  # the registry refuses these credentials, or there is no such repository
    "image-not-found",
    "registry-unreachable",
    "pull-failed",  # a pull failed; the text does not say why
    "unclear",  # the words that registry credentials and secrets[] have in common, and no more
    "unknown",
]

_AGENT = "https://github.com/aws/amazon-ecs-agent/blob/master/"
_DOCS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
MATCHED_MAX_CHARS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a text means: one sentence, the checks that may tell more (likeliest first), where the words are from."""

    kind: Kind
    sentence: str
    checks: tuple[str, ...] = ()
    source: str = ""
    is_registry_related: bool = True


_ACCESS_CHECKS = (
    "secret-access-missing", "secret-access-denied", "secret-access-blocked-by-boundary",
    "secret-access-blocked-by-organization", "secret-resource-policy-missing", "inline-policy-quota",
)  # fmt: skip
_DECRYPT_CHECKS = ("decrypt-access-missing", "decrypt-access-denied", "key-unusable", "default-key-cross-account")
_PULL_CHECKS = ("credentials-rejected", "credentials-missing", "registry-mismatch", "image-not-found")

# What the agents say before the error of Secrets Manager, for registry credentials only.
_FETCH = r"(?:registry auth from asm|asm fetching secret from the service)"
_NO_WAY = (
    r"(?:connection issue|deadline exceeded|requestcanceled|requesterror|dial tcp|i/o timeout|timeout exceeded"
    r"|no such host|connection re(?:fused|set)|tls handshake)"
)

_ROWS: tuple[tuple[str, Explanation], ...] = (
    (
        r"asm fetching (?:authorization data|username|password)|authorizationdata is malformed"
        r"|empty secrets value|unable to unmarshal secret value",
        Explanation(
            kind="value-malformed",
            sentence="The secret was read, but it does not hold a user name and a password.",
            checks=(
                "secret-value-malformed",
                "secret-value-empty-field",
                "secret-value-binary",
                "secret-value-key-case",
            ),
            source=f"{_AGENT}agent/asm/asm.go",
        ),
    ),
    (
        rf"{_FETCH}.*(?:access to kms is not allowed|kms:decrypt|kmsaccessdenied|kms key)",
        Explanation(
            kind="decrypt-denied",
            sentence="The execution role may not decrypt the secret with registry credentials.",
            checks=_DECRYPT_CHECKS,
            source="https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html",
        ),
    ),
    (
        rf"{_FETCH}.*(?:accessdenied|not authorized to perform)",
        Explanation(
            kind="credentials-denied",
            sentence="The execution role may not read the secret with registry credentials.",
            checks=(*_ACCESS_CHECKS, *_DECRYPT_CHECKS),
            source=f"{_AGENT}agent/asm/asm.go",
        ),
    ),
    (
        rf"{_FETCH}.*(?:marked (?:for deletion|deleted)|was deleted|scheduled for deletion)",
        Explanation(
            kind="secret-deleted",
            sentence="The secret with registry credentials is scheduled for deletion.",
            checks=("secret-scheduled-for-deletion",),
            source="https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html",
        ),
    ),
    (
        rf"{_FETCH}.*(?:resourcenotfound|can't find the specified secret)",
        Explanation(
            kind="secret-not-found",
            sentence="The secret with registry credentials, or its current version, does not exist.",
            checks=(
                "reference-stale",
                "reference-not-full-arn",
                "secret-not-found",
                "secret-no-current-version",
                "reference-malformed",
            ),
            source="https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html",
        ),
    ),
    (
        rf"{_FETCH}.*(?:validationexception|invalidparameter|invalid name)",
        Explanation(
            kind="secret-not-found",
            sentence="The reference to the secret with registry credentials is none that Secrets Manager takes.",
            checks=("reference-malformed", "reference-not-full-arn", "secret-not-found"),
            source="https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html",
        ),
    ),
    (
        rf"{_FETCH}.*{_NO_WAY}",
        Explanation(
            kind="secret-unreachable",
            sentence="The task could not reach Secrets Manager for the registry credentials: look at its network.",
            source=f"{_DOCS}resource-initialization-error.html",
        ),
    ),
    (
        rf"{_FETCH}.*(?:throttl|rate exceeded|too many requests)",
        Explanation(
            kind="secret-throttled",
            sentence="Secrets Manager had too many calls when the task asked for the registry credentials.",
            source="https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html",
        ),
    ),
    (
        r"asm resource: unable to find execution role credentials|unable to create asm client",
        Explanation(
            kind="role-credentials",
            sentence="The agent got no credentials of the execution role to read the registry credentials with.",
            checks=("execution-role-missing", "execution-role-not-found", "execution-role-not-assumable"),
            source=f"{_AGENT}agent/taskresource/asmauth/asmauth.go",
        ),
    ),
    (
        rf"{_FETCH}|cannotpullcontainerautherror|private registry credentials: not found",
        Explanation(
            kind="credentials-failed",
            sentence="The registry credentials could not be read; the message does not say why.",
            checks=(
                "reference-stale",
                *_ACCESS_CHECKS,
                *_DECRYPT_CHECKS,
                "secret-scheduled-for-deletion",
                "secret-not-found",
            ),
            source=f"{_AGENT}agent/engine/docker_task_engine.go",
        ),
    ),
    (
        r"unable to retrieve ecr registry auth|registry auth from amazon ecr|cannotpullecrcontainererror"
        r"|\becr:[a-z]|\.dkr[.-]ecr(?:-fips)?\.|public\.ecr\.aws",
        Explanation(
            kind="ecr-authorization",
            sentence="The image is in Amazon ECR, which does not use repositoryCredentials.",
            source=f"{_DOCS}task_cannot_pull_image.html",
            is_registry_related=False,
        ),
    ),
    (
        r"unable to retrieve secrets? from (?:asm|ssm)|failed to fetch secret .* from secrets manager"
        r"|can't retrieve the secret with arn|fetching secret data from (?:aws secrets manager|ssm)",
        Explanation(
            kind="secret-injection",
            sentence="A secret of secrets[].valueFrom could not be read; these are not registry credentials.",
            source=f"{_DOCS}resource-initialization-error.html",
            is_registry_related=False,
        ),
    ),
    (
        r"failed to fetch anonymous token|no basic auth credentials",
        Explanation(
            kind="no-credentials-used",
            sentence="The image was pulled without credentials, and the registry refused.",
            checks=("credentials-missing", "registry-mismatch"),
            source="https://github.com/aws/containers-roadmap/issues/1658",
        ),
    ),
    (
        r"toomanyrequests|too many requests|pull rate limit",
        Explanation(
            kind="rate-limited",
            sentence="The registry refused because of too many pulls.",
            checks=("registry-rate-limited", "credentials-missing"),
            source=f"{_DOCS}task_cannot_pull_image.html",
        ),
    ),
    (
        r"pull access denied|requested access to the resource is denied|insufficient_scope|authentication required"
        r"|authorization failed|cannotpull.*(?:\b40[13]\b|unauthorized|forbidden|denied|failed to authorize)",
        Explanation(
            kind="pull-denied",
            sentence="The registry refused the pull: wrong credentials, none, or no such repository.",
            checks=_PULL_CHECKS,
            source=f"{_DOCS}task_cannot_pull_image.html",
        ),
    ),
    (
        r"manifest unknown|manifest for .* not found|cannotpull.*(?:not found|does not exist)",
        Explanation(
            kind="image-not-found",
            sentence="The registry has no such image.",
            checks=("image-not-found", "registry-mismatch"),
            source=f"{_DOCS}task_cannot_pull_image.html",
        ),
    ),
    (
        rf"cannotpull.*{_NO_WAY}",
        Explanation(
            kind="registry-unreachable",
            sentence="The task could not reach the registry: look at its network.",
            checks=("registry-unreachable",),
            source=f"{_DOCS}task_cannot_pull_image.html",
        ),
    ),
    (
        r"cannotpull",
        Explanation(
            kind="pull-failed",
            sentence="The image could not be pulled; the message does not say why.",
            checks=_PULL_CHECKS,
            source=f"{_DOCS}task_cannot_pull_image.html",
        ),
    ),
    (
        r"unable to pull secrets or registry auth",
        Explanation(
            kind="unclear",
            sentence="Registry credentials or another secret could not be read; the message does not say which.",
            checks=("reference-stale", *_ACCESS_CHECKS, *_DECRYPT_CHECKS),
            source=f"{_DOCS}resource-initialization-error.html",
        ),
    ),
)
_TABLE = tuple((re.compile(pattern, re.IGNORECASE | re.DOTALL), explanation) for pattern, explanation in _ROWS)
UNKNOWN = Explanation(
    kind="unknown", sentence="The message says nothing about pulling an image.", is_registry_related=False
)
EXPLANATIONS: tuple[Explanation, ...] = (*(explanation for _, explanation in _ROWS), UNKNOWN)


def explain(reasons: str | Iterable[str]) -> Explanation:
    """Return what explains ``reasons``: a task's stoppedReason, its containers' reasons, or all of them.

    Each text is explained by the first row that fits; of several, one about registry credentials comes first.
    """
    texts = (reasons,) if isinstance(reasons, str) else tuple(reasons)
    found = [explanation for text in texts if (explanation := _explain_one(text)) is not UNKNOWN]
    return min(found, key=lambda e: (not e.is_registry_related, EXPLANATIONS.index(e)), default=UNKNOWN)


def _explain_one(text: str) -> Explanation:
    plain = text[:MATCHED_MAX_CHARS].replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return next((explanation for pattern, explanation in _TABLE if pattern.search(plain)), UNKNOWN)
