"""What ECS says about tasks that did not start, against what explains it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.checks.catalogue import CHECKS
from pullguard.stopped_reason import EXPLANATIONS, UNKNOWN, Explanation, explain

FARGATE = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
    "unable to get registry auth from asm: service call has been retried 1 time(s): asm fetching secret from the "
    "service for registry/ghcr: "
)
SIBLING = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
    "unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret "
    "arn:aws:secretsmanager:us-east-1:111122223333:secret:app-AbCdEf from secrets manager: "
)
ROLE_DENIED = (
    "AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/web/1 is not authorized to perform: "
    "secretsmanager:GetSecretValue on resource: registry/ghcr"
)

OURS = {
    "fargate denied": (FARGATE + ROLE_DENIED, "credentials-denied"),
    "ec2 denied": ("asm fetching secret from the service for registry/ghcr: " + ROLE_DENIED, "credentials-denied"),
    "fargate, capital A": ("Asm fetching secret from the service for x: " + ROLE_DENIED, "credentials-denied"),
    "kms denied": (FARGATE + "AccessDeniedException: Access to KMS is not allowed", "decrypt-denied"),
    "not found": (
        FARGATE + "ResourceNotFoundException: Secrets Manager can\u2019t find the specified secret.",
        "secret-not-found",
    ),
    "apostrophe alone": (FARGATE + "Secrets Manager can\u2019t find the specified secret.", "secret-not-found"),
    "marked for deletion": (
        FARGATE + "InvalidRequestException: You can't perform this operation on the secret because it was marked for "
        "deletion.",
        "secret-deleted",
    ),
    "was deleted": (
        FARGATE + "InvalidRequestException: You can't perform this operation on the secret because it was deleted.",
        "secret-deleted",
    ),
    "throttled": (FARGATE + "ThrottlingException: Rate exceeded", "secret-throttled"),
    "no such name": (FARGATE + "ValidationException: Invalid name. Must be a valid name", "secret-not-found"),
    "time-out": (FARGATE + "RequestCanceled: request context canceled", "secret-unreachable"),
    "request error": (FARGATE + "RequestError: send request failed: dial tcp 192.0.2.1:443", "secret-unreachable"),
    "cut before the reason": (FARGATE[:255], "credentials-failed"),
    "cut inside the reason": (FARGATE + "AccessDeni", "credentials-failed"),
    "empty response": ("asm fetching authorization data: empty response", "value-malformed"),
    "empty value": ("asm fetching authorization data: empty secrets value", "value-malformed"),
    "invalid schema": (
        "asm fetching authorization data: unable to unmarshal secret value, invalid schema",
        "value-malformed",
    ),
    "no username": ("asm fetching username: AuthorizationData is malformed, empty field", "value-malformed"),
    "no password": ("asm fetching password: AuthorizationData is malformed, empty field", "value-malformed"),
    "agent without role": ("asm resource: unable to find execution role credentials", "role-credentials"),
    "agent without client": ("unable to create ASM client: no region", "role-credentials"),
    "agent without auth data": ("engine docker private registry credentials: not found", "credentials-failed"),
    "agent auth error": ("CannotPullContainerAuthError: something", "credentials-failed"),
    "docker denied": (
        "CannotPullContainerError: The task can\u2019t pull the image. Check whether the image exists. Error response "
        "from daemon: pull access denied for acme/web, repository does not exist or may require 'docker login': "
        "denied: requested access to the resource is denied",
        "pull-denied",
    ),
    "containerd denied": (
        "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref "
        "docker.io/acme/web:1: pull access denied, repository does not exist or may require authorization: server "
        "message: insufficient_scope: authorization failed",
        "pull-denied",
    ),
    "unauthorized": (
        "Error: image acme/web: requested access to the resource is denied unauthorized: authentication required",
        "pull-denied",
    ),
    "ghcr 401": ("CannotPullContainerError: failed to resolve ref ghcr.io/acme/web:1: 401 Unauthorized", "pull-denied"),
    "anonymous": (
        'CannotPullContainerError: inspect image has been retried 1 time(s): failed to resolve ref "ghcr.io/acme/web:1"'
        ": failed to authorize: failed to fetch anonymous token",
        "no-credentials-used",
    ),
    "anonymous, docker": (
        "CannotPullContainerError: Error response from daemon: Get https://registry.example.com/v2/acme/web/manifests/1"
        ": no basic auth credentials",
        "no-credentials-used",
    ),
    "rate limit": (
        "CannotPullContainerError: toomanyrequests: You have reached your pull rate limit.",
        "rate-limited",
    ),
    "rate limit, containerd": (
        "CannotPullContainerError: httpReadSeeker: unexpected status code 429 Too Many Requests - Server message: "
        "toomanyrequests",
        "rate-limited",
    ),
    "no such tag": (
        "CannotPullContainerError: failed to resolve ref ghcr.io/acme/web:9: ghcr.io/acme/web:9: not found",
        "image-not-found",
    ),
    "registry time-out": (
        "CannotPullContainerError: failed to resolve ref registry.example.com/web: dial tcp 192.0.2.1:443: i/o timeout",
        "registry-unreachable",
    ),
    "another pull error": ("CannotPullContainerError: ref pull has been retried 5 time(s): boom", "pull-failed"),
    "pull command killed": (
        "ResourceInitializationError: unable to pull secrets or registry auth: pull command failed: : signal: killed",
        "unclear",
    ),
}

NOT_OURS = {
    "secrets[] denied": (SIBLING + ROLE_DENIED, "secret-injection"),
    "secrets[] kms": (SIBLING + "AccessDeniedException: Access to KMS is not allowed", "secret-injection"),
    "secrets[] time-out": (SIBLING + "RequestCanceled: context deadline exceeded", "secret-injection"),
    "secrets[] deleted": (SIBLING + "InvalidRequestException: ... marked for deletion.", "secret-injection"),
    "secrets[] not found, new words": (
        "ResourceNotFoundException: The task can\u2019t retrieve the secret with ARN 'arn:x' from AWS Secrets Manager.",
        "secret-injection",
    ),
    "ecr auth": (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        "unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError",
        "ecr-authorization",
    ),
    "ecr auth, new words": (
        "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from "
        "Amazon ECR: There is a connection issue between the task and Amazon ECR.",
        "ecr-authorization",
    ),
    "ecr pull denied": (
        "CannotPullContainerError: pull access denied for 111122223333.dkr.ecr.us-east-1.amazonaws.com/web, denied: "
        "User is not authorized to perform: ecr:BatchGetImage",
        "ecr-authorization",
    ),
    "essential container": ("Essential container in task exited", "unknown"),
    "ec2's own words": ("Task failed to start", "unknown"),
    "access denied elsewhere": ("AccessDeniedException: not authorized to perform: logs:CreateLogStream", "unknown"),
    "nothing": ("", "unknown"),
}


_PREFIX = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
# The messages that have been seen, by the numbers of the collection: the text, its kind, the check to look at first.
SEEN: dict[str, tuple[str, str, str | None]] = {
    "1 Fargate": (FARGATE + "...", "credentials-failed", "reference-stale"),
    "1 Fargate, no way there": (FARGATE + "RequestError: send request failed", "secret-unreachable", None),
    "2 EC2 and old Fargate": (
        "asm fetching secret from the service for registry/ghcr: " + ROLE_DENIED,
        "credentials-denied",
        "secret-access-missing",
    ),
    "2 with a capital": (
        "Asm fetching secret from the service for registry/ghcr: " + ROLE_DENIED,
        "credentials-denied",
        "secret-access-missing",
    ),
    **{
        f"3 {text}": (f"asm fetching {text}", "value-malformed", "secret-value-malformed")
        for text in (
            "authorization data: empty response",
            "authorization data: empty secrets value",
            "authorization data: unable to unmarshal secret value, invalid schema",
            "username: AuthorizationData is malformed, empty field",
            "password: AuthorizationData is malformed, empty field",
        )
    },
    "4 no role": (
        "asm resource: unable to find execution role credentials",
        "role-credentials",
        "execution-role-missing",
    ),
    "4 no client": ("unable to create ASM client: x", "role-credentials", "execution-role-missing"),
    "5 its name": ("CannotPullContainerAuthError", "credentials-failed", "reference-stale"),
    "5 its text": (
        "engine docker private registry credentials: not found",
        "credentials-failed",
        "reference-stale",
    ),
    **{
        f"6 {tail[:40]}": (SIBLING + tail, "secret-injection", None)
        for tail in (
            "AccessDeniedException: User x is not authorized to perform: secretsmanager:GetSecretValue",
            "AccessDeniedException: Access to KMS is not allowed",
            "RequestCanceled: request context canceled caused by: context deadline exceeded",
            "InvalidRequestException: You can't perform this operation because the secret was marked for deletion.",
            "InvalidParameter: 1 validation error(s) found. - minimum field size of 32, GetSecretValueInput.VersionId.",
        )
    },
    "7 newer words": (
        f"{_PREFIX}unable to retrieve secret from asm: There is a connection issue between the task and AWS Secrets "
        "Manager. Check your task network configuration. failed to fetch secret arn:x from secrets manager: operation "
        "error Secrets Manager: GetSecretValue, https response error StatusCode: 0, RequestID: , canceled, context "
        "deadline exceeded",
        "secret-injection",
        None,
    ),
    "8 newest words": (
        "ResourceNotFoundException: The task can't retrieve the secret with ARN 'arn:x' from AWS Secrets Manager. "
        "Check whether the secret exists in the specified Region",
        "secret-injection",
        None,
    ),
    "9 ECR": (
        f"{_PREFIX}unable to retrieve ecr registry auth: service call has been retried 3 time(s): x",
        "ecr-authorization",
        None,
    ),
    "9 ECR, newer words": (
        "The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon "
        "ECR. Check your task network configuration.",
        "ecr-authorization",
        None,
    ),
    "10 killed": (
        "ResourceInitializationError: unable to pull secrets or registry auth: pull command failed: : signal: killed",
        "unclear",
        "reference-stale",
    ),
    "11 Docker": (
        "CannotPullContainerError: The task can\u2019t pull the image. Check whether the image exists. Error response "
        "from daemon: pull access denied for acme/web, repository does not exist or may require 'docker login': "
        "denied: requested access to the resource is denied",
        "pull-denied",
        "credentials-rejected",
    ),
    "12 containerd": (
        "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref "
        "docker.io/acme/web:1: pull access denied, repository does not exist or may require authorization: server "
        "message: insufficient_scope: authorization failed",
        "pull-denied",
        "credentials-rejected",
    ),
    "13 anonymous": (
        'CannotPullContainerError: inspect image has been retried 1 time(s): failed to resolve ref "ghcr.io/a/b:1": '
        "failed to authorize: failed to fetch anonymous token",
        "no-credentials-used",
        "credentials-missing",
    ),
    "14 Docker Hub": (
        "CannotPullContainerError: requested access to the resource is denied unauthorized: authentication required",
        "pull-denied",
        "credentials-rejected",
    ),
    "14 GHCR": ("CannotPullContainerError: unexpected status: 401 Unauthorized", "pull-denied", "credentials-rejected"),
    "15 rate limit": (
        "CannotPullContainerError: toomanyrequests: You have reached your pull rate limit.",
        "rate-limited",
        "registry-rate-limited",
    ),
    "15 rate limit, containerd": (
        "CannotPullContainerError: unexpected status code 429 Too Many Requests - Server message: toomanyrequests: x",
        "rate-limited",
        "registry-rate-limited",
    ),
}


@pytest.mark.parametrize(("text", "kind", "check"), SEEN.values(), ids=SEEN)
def test_every_message_that_has_been_seen_leads_to_its_check(text: str, kind: str, check: str | None) -> None:
    found = explain(text)
    assert (found.kind, next(iter(found.checks), None)) == (kind, check)
    assert set(found.checks) <= {each.id for each in CHECKS}


@pytest.mark.parametrize(("text", "kind", "check"), SEEN.values(), ids=SEEN)
def test_a_cut_message_never_becomes_one_about_something_else(text: str, kind: str, check: str | None) -> None:
    """Fargate cuts long reasons: what is ours stays ours, or says nothing; what is not ours is at most unclear."""
    is_ours = explain(text).is_registry_related
    for length in range(len(text)):
        found = explain(text[:length])
        assert found.is_registry_related <= (is_ours or found.kind in {"unclear", "pull-failed"}), text[:length]


@pytest.mark.parametrize(("text", "kind"), OURS.values(), ids=OURS)
def test_a_text_about_registry_credentials_is_explained(text: str, kind: str) -> None:
    for spelled in (text, text.upper(), text.lower()):
        assert (explain(spelled).kind, explain(spelled).is_registry_related) == (kind, True)


@pytest.mark.parametrize(("text", "kind"), NOT_OURS.values(), ids=NOT_OURS)
def test_a_text_about_something_else_is_not_taken_for_ours(text: str, kind: str) -> None:
    assert (explain(text).kind, explain(text).is_registry_related) == (kind, False)


def test_every_explanation_is_reached_by_a_text() -> None:
    reached = {explain(text) for text, _ in (*OURS.values(), *NOT_OURS.values())}
    assert reached == set(EXPLANATIONS)


@pytest.mark.parametrize("explanation", EXPLANATIONS, ids=lambda explanation: explanation.kind)
def test_an_explanation_is_a_sentence_with_a_source(explanation: Explanation) -> None:
    assert explanation.sentence.endswith((".", ": look at its network."))
    assert explanation is UNKNOWN or explanation.source.startswith("https://")
    assert explanation.is_registry_related or not explanation.checks


def test_the_containers_tell_what_the_task_does_not() -> None:
    assert explain(("Task failed to start", "", OURS["docker denied"][0])).kind == "pull-denied"


def test_a_registry_text_comes_before_any_other() -> None:
    texts = (NOT_OURS["ecr pull denied"][0], SIBLING, OURS["rate limit"][0])
    assert explain(texts).kind == explain(reversed(texts)).kind == "rate-limited"


def test_a_cut_text_about_both_kinds_of_secrets_is_not_dismissed() -> None:
    assert explain("ResourceInitializationError: unable to pull secrets or registry auth: exec").is_registry_related


@given(st.text())
def test_any_text_is_explained(text: str) -> None:
    assert explain(text) in EXPLANATIONS


@pytest.mark.timeout(5)
def test_a_long_hostile_text_takes_no_time() -> None:
    assert explain("asm fetching secret from the service " * 50_000).kind == "credentials-failed"
