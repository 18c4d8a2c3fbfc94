"""ECS's reasons for tasks that did not start, and the findings that explain them."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.checks.catalogue import CHECKS
from pullguard.domain.diagnosis import EXPLANATIONS, UNKNOWN, Diagnosis, Explanation, Kind, diagnose, explain
from pullguard.domain.image import ImageReference, parse_images
from pullguard.domain.stopped_reason import NamedRole
from pullguard.domain.usage import Reason
from tests.unit.domain.stopped_texts import TEXTS

NOT_OURS = frozenset({"ecr-authorization", "secret-injection", "unknown"})
CASES = [
    pytest.param(text, kind, id=f"{kind} {number}")
    for kind, texts in TEXTS.items()
    for number, text in enumerate(texts)
]
ECR_IMAGE, OTHER_IMAGE = parse_images(
    ["111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1", "artifactory.example.com/public.ecr.aws/nginx/nginx:1"]
)


@pytest.mark.parametrize(("text", "kind"), CASES)
def test_a_text_is_explained_by_its_reason(text: str, kind: str) -> None:
    for spelled in (text, text.lower()):
        found = explain(spelled)
        assert (found.kind, found.is_registry_related) == (kind, kind not in NOT_OURS)


@pytest.mark.parametrize(("text", "kind"), [case for case in CASES if case.values[1] not in NOT_OURS])
def test_upper_case_changes_nothing(text: str, kind: str) -> None:
    assert explain(text.upper()).kind == kind


@pytest.mark.parametrize(("text", "kind"), CASES)
def test_a_cut_text_never_becomes_one_about_something_else(text: str, kind: str) -> None:
    """Fargate cuts long reasons: what is ours stays ours, or says nothing; what is not ours is at most unclear.

    A host that was cut off says nothing: then the images of the task's containers decide.
    """
    images = (ECR_IMAGE,) if kind == "ecr-authorization" else ()
    for length in range(0, len(text), 5):
        found = explain(text[:length], images)
        assert found.is_registry_related <= (kind not in NOT_OURS or found.kind in {"unclear", "pull-failed"}), found


FIRST_CHECKS: dict[Kind, str | None] = {
    "value-malformed": "secret-value-malformed",
    "credentials-denied": "secret-access-missing",
    "decrypt-denied": "decrypt-access-missing",
    "secret-deleted": "secret-scheduled-for-deletion",
    "secret-unreachable": None,
    "secret-throttled": None,
    "credentials-failed": "reference-stale",
    "no-credentials-used": "credentials-missing",
    "locked-out": "credentials-rejected",
    "address-refused": "registry-unreachable",
    "pull-denied": "credentials-rejected",
    "image-not-found": "image-not-found",
    "platform-mismatch": None,
    "image-unsupported": None,
    "invalid-reference": None,
    "tls-failed": None,
    "disk-full": None,
    "rate-limited": "registry-rate-limited",
    "registry-error": "registry-unreachable",
    "registry-unreachable": "registry-unreachable",
    "pull-failed": "credentials-rejected",
    "unclear": "reference-stale",
    "ecr-authorization": None,
    "secret-injection": None,
}


@pytest.mark.parametrize(("kind", "check"), FIRST_CHECKS.items())
def test_a_kind_leads_to_the_likeliest_check(kind: Kind, check: str | None) -> None:
    assert {next(iter(explain(text).checks), None) for text in TEXTS[kind]} == {check}


def test_an_unassumable_role_leads_to_its_trust_policy_and_a_missing_one_to_the_task_definition() -> None:
    assert explain("ECS was unable to assume the role 'x'").checks[0] == "execution-role-not-assumable"
    assert explain("asm resource: unable to find execution role credentials").checks[0] == "execution-role-missing"


def test_a_missing_attribute_leads_to_the_agent() -> None:
    event = "(service web) was unable to place a task because the closest matching is missing an attribute"
    assert explain(event).checks == ("container-agent-too-old",)


# --- Names ---------------------------------------------------------------------------------------------------------

# Each is a valid image, and words of another kind's texts.
HOSTILE_IMAGES = (
    "denied", "timeout", "toomanyrequests", "unauthorized", "ecr", "x509", "eof", "manifest", "unknown", "locked",
    "not", "found", "schema1", "web:401", "ecr:latest", "forbidden:toomanyrequests", "acme/denied",
    "ghcr.io/acme/timeout:503", "acme/no-such-host", "ecr.example.com/web", "public.ecr.aws.example.com/web:1",
    "registry.example.com/public.ecr.aws/nginx:1", "registry.example.com:5000/i/o/timeout",
    "artifactory.example.com/111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1",
    "quay.io/x509/certificate-signed-by-unknown-authority:no-space-left-on-device",
)  # fmt: skip
_CANNOT = "CannotPullContainerError: "
ABOUT_AN_IMAGE: tuple[tuple[Kind, str], ...] = (
    (
        "pull-denied",
        f"{_CANNOT}Error response from daemon: pull access denied for @, repository does not exist or may require "
        "'docker login': denied: requested access to the resource is denied",
    ),
    (
        "pull-denied",
        f"{_CANNOT}pull image manifest has been retried 1 time(s): failed to resolve ref @: pull access denied, "
        "repository does not exist or may require authorization: server message: insufficient_scope: authorization "
        "failed",
    ),
    ("image-not-found", f"{_CANNOT}Error response from daemon: manifest for @ not found: manifest unknown"),
    ("image-not-found", f"{_CANNOT}Error: image @ not found"),
    ("image-not-found", f'{_CANNOT}failed to resolve ref "@": @: not found'),
    ("registry-unreachable", f"{_CANNOT}failed to resolve ref @: failed to do request: dial tcp 10.0.0.1: i/o timeout"),
    (
        "registry-error",
        f"{_CANNOT}failed to resolve ref @: unexpected status from HEAD request to https://r.example.com/v2/@/m/1: 503 "
        "Service Unavailable",
    ),
    ("tls-failed", f"{_CANNOT}failed to resolve ref @: x509: certificate signed by unknown authority"),
    (
        "rate-limited",
        f'{_CANNOT}failed to resolve ref "@": unexpected status code [manifests @]: 429 Too Many Requests',
    ),
    ("disk-full", f"{_CANNOT}failed to pull image @: write /@: no space left on device"),
    ("pull-failed", f"{_CANNOT}failed to resolve ref @: boom"),
    ("pull-failed", f"{_CANNOT}failed to resolve ref @"),
)


@pytest.mark.parametrize("image", HOSTILE_IMAGES)
@pytest.mark.parametrize(("kind", "text"), ABOUT_AN_IMAGE)
def test_the_name_of_an_image_decides_nothing(kind: Kind, text: str, image: str) -> None:
    assert explain(text.replace("@", image)).kind == kind
    assert explain(text.replace("@", image), parse_images([image])).kind == kind


HOSTILE_NAMES = ("denied", "throttling", "kms-key", "registry/x509", "AccessDenied", "ecr", "timeout", "was-deleted")
ABOUT_A_SECRET: tuple[tuple[Kind, str], ...] = (
    ("credentials-failed", "asm fetching secret from the service for @: boom"),
    ("credentials-failed", "asm fetching secret from the service for @"),
    (
        "credentials-denied",
        "asm fetching secret from the service for @: AccessDeniedException: User: "
        "arn:aws:sts::111122223333:assumed-role/@/1 is not authorized to perform: secretsmanager:GetSecretValue on "
        "resource: @",
    ),
    ("secret-deleted", "asm fetching secret from the service for @: it was marked for deletion."),
    ("unknown", "(service @) has reached a steady state."),
    ("unknown", "(service @) is unable to consistently start tasks successfully."),
)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize(("kind", "text"), ABOUT_A_SECRET)
def test_the_name_of_a_secret_role_or_service_decides_nothing(kind: Kind, text: str, name: str) -> None:
    assert explain(text.replace("@", name)).kind == kind


# --- Whose pull it was -------------------------------------------------------------------------------------------

NAMELESS = f"{_CANNOT}context canceled"
NAMES_ECR = f'{_CANNOT}Get "https://111122223333.dkr.ecr.us-east-1.amazonaws.com/v2/": EOF'
NAMES_OTHER = f'{_CANNOT}Get "https://artifactory.example.com/v2/public.ecr.aws/nginx/nginx/manifests/1": EOF'
WHOSE: dict[str, tuple[str, tuple[ImageReference, ...], bool]] = {
    "no image known, none named": (NAMELESS, (), True),
    "no image known, one of ECR named": (NAMES_ECR, (), False),
    "no image known, another named": (NAMES_OTHER, (), True),
    "all of ECR, none named": (NAMELESS, (ECR_IMAGE, ECR_IMAGE), False),
    "none of ECR, one of ECR named": (NAMES_ECR, (OTHER_IMAGE,), True),
    "some of ECR, none named": (NAMELESS, (ECR_IMAGE, OTHER_IMAGE), True),
    "some of ECR, one of ECR named": (NAMES_ECR, (ECR_IMAGE, OTHER_IMAGE), False),
    "some of ECR, another named": (NAMES_OTHER, (ECR_IMAGE, OTHER_IMAGE), True),
}


@pytest.mark.parametrize(("text", "images", "ours"), WHOSE.values(), ids=WHOSE)
def test_the_images_of_the_containers_decide_whose_pull_it_was(
    text: str, images: tuple[ImageReference, ...], ours: bool
) -> None:
    assert explain(text, images).kind == ("registry-unreachable" if ours else "ecr-authorization")


@pytest.mark.parametrize(("own", "ours"), [(ECR_IMAGE, False), (OTHER_IMAGE, True)])
def test_the_container_that_gives_a_reason_knows_its_image(own: ImageReference, ours: bool) -> None:
    reasons = (Reason(text="Task failed to start"), Reason(text=NAMELESS, image=own.text))
    found = diagnose(reasons, (ECR_IMAGE, OTHER_IMAGE))
    assert (found.explanation.is_registry_related, found.registry) == (ours, own.host if ours else None)


def test_the_only_registry_of_the_containers_is_the_one_that_failed() -> None:
    assert diagnose(NAMELESS, (OTHER_IMAGE, OTHER_IMAGE)).registry == OTHER_IMAGE.host
    assert diagnose(NAMELESS, (OTHER_IMAGE, ECR_IMAGE)).registry is None


def test_registry_credentials_are_read_whatever_the_images_are() -> None:
    denied = TEXTS["credentials-denied"][0]
    assert explain(denied, (ECR_IMAGE,)).kind == "credentials-denied"


REGISTRIES = {
    "resolved": (f"{_CANNOT}failed to resolve ref ghcr.io/acme/web:1: EOF", "ghcr.io"),
    "of Docker Hub": (f'{_CANNOT}Get "https://registry-1.docker.io/v2/": EOF', "docker.io"),
    "with a port": (f"{_CANNOT}failed to resolve ref nexus.example.com:8083/web: EOF", "nexus.example.com:8083"),
    "at the URL of the image": (f'{_CANNOT}Head "https://ghcr.io/v2/a/c/manifests/1": denied: denied', "ghcr.io"),
    "a step": (f"{_CANNOT}error pulling image configuration: download failed: dial tcp 192.0.2.1:443: EOF", None),
    "a step, short": (f"{_CANNOT}error pulling image config: download failed: dial tcp 192.0.2.1:443: EOF", None),
    "a quoted word": (f"{_CANNOT}failed to pull image 'nginx': EOF", "docker.io"),
    "its token service alone": (f'{_CANNOT}Post "https://auth.docker.io/token": EOF', None),
    "nothing": (NAMELESS, None),
}


@pytest.mark.parametrize(("text", "host"), REGISTRIES.values(), ids=REGISTRIES)
def test_a_text_names_its_registry(text: str, host: str | None) -> None:
    assert diagnose(text).registry == host


ROLES = {
    "a session": (
        "asm fetching secret from the service for x: AccessDeniedException: User: "
        "arn:aws:sts::111122223333:assumed-role/batch/0a is not authorized to perform: secretsmanager:GetSecretValue",
        NamedRole(account="111122223333", name="batch"),
    ),
    "a role with its path": (
        "ECS was unable to assume the role 'arn:aws:iam::111122223333:role/service/batch' that was provided",
        NamedRole(account="111122223333", name="batch", arn="arn:aws:iam::111122223333:role/service/batch"),
    ),
    "of another partition": (
        "ECS was unable to assume the role 'arn:aws-us-gov:iam::111122223333:role/batch' that was provided",
        NamedRole(account="111122223333", name="batch", arn="arn:aws-us-gov:iam::111122223333:role/batch"),
    ),
    "cut": ("ECS was unable to assume the role 'arn:aws:iam::111122223333:role/bat", None),
    "a cut session": ("asm fetching secret: User: arn:aws:sts::111122223333:assumed-role/bat", None),
    "none": (NAMELESS, None),
}


@pytest.mark.parametrize(("text", "role"), ROLES.values(), ids=ROLES)
def test_a_text_names_its_role(text: str, role: NamedRole | None) -> None:
    assert diagnose(text).role == role


# --- All texts ---------------------------------------------------------------------------------------------------


def test_every_explanation_is_reached_by_a_text_and_every_kind_has_one() -> None:
    assert {explain(text) for texts in TEXTS.values() for text in texts} == set(EXPLANATIONS)
    assert {each.kind for each in EXPLANATIONS} == set(get_args(Kind)) == set(TEXTS)


@pytest.mark.parametrize("explanation", EXPLANATIONS, ids=lambda explanation: explanation.kind)
def test_an_explanation_is_a_sentence_with_a_fix_and_a_source(explanation: Explanation) -> None:
    assert explanation.sentence.endswith(".")
    assert explanation.how_to_fix
    assert explanation.source.startswith("https://")
    assert set(explanation.checks) <= {each.id for each in CHECKS}
    assert explanation.is_registry_related or explanation.kind in NOT_OURS


def test_an_unknown_text_is_reported_as_unknown() -> None:
    assert UNKNOWN.sentence == "This is not a text that Pullguard knows."
    assert not any("not say why" in each.sentence for each in EXPLANATIONS if each.kind != "unknown")


def test_the_containers_say_what_the_task_does_not() -> None:
    assert explain(("Task failed to start", "", TEXTS["pull-denied"][0])).kind == "pull-denied"


def test_a_registry_text_comes_before_any_other() -> None:
    texts = (TEXTS["ecr-authorization"][0], TEXTS["secret-injection"][0], TEXTS["rate-limited"][0])
    assert explain(texts).kind == explain(reversed(texts)).kind == "rate-limited"


def test_the_reason_comes_before_the_containers_that_were_canceled_for_it() -> None:
    texts = (NAMELESS, TEXTS["pull-denied"][1])
    assert explain(texts).kind == explain(reversed(texts)).kind == "pull-denied"


def test_the_end_of_a_long_text_is_read_as_well() -> None:
    text = f"{_CANNOT}{'ref pull has been retried; ' * 1000}no space left on device"
    assert explain(text).kind == "disk-full"


@given(st.text())
def test_any_text_is_explained(text: str) -> None:
    assert diagnose(text).explanation in EXPLANATIONS


def test_no_text_at_all_is_unknown() -> None:
    assert diagnose(()) == Diagnosis(explanation=UNKNOWN)


@pytest.mark.timeout(5)
@pytest.mark.parametrize("part", ["asm fetching secret from the service ", "a:", "/", "'", "media type ", "[", "x."])
def test_a_long_hostile_text_takes_no_time(part: str) -> None:
    assert explain(f"{_CANNOT}{part * 50_000}") in EXPLANATIONS
