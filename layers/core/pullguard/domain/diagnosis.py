"""The texts in which ECS says why a task did not start, and their explanations.

The words change with the platform and the agent, and Fargate cuts long ones: the absence of ``AccessDenied`` proves
nothing. So a text only leads to a validation and phrases the message; a finding's status comes from the facts.

A text is a chain from the step that failed to its cause: "failed to fetch anonymous token: … i/o timeout" is about the
network. The step decides only the subject of a text (a secret, a pull, something else); the cause that ends last
decides the rest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pullguard.domain.image import ImageReference, parse_images
from pullguard.domain.stopped_causes import (
    ADDRESS_REFUSED,
    ECR,
    HOST_ROWS,
    LOCKED_OUT,
    NO_CREDENTIALS,
    PULL_FAILED,
    PULL_ROWS,
    ROLE_ROWS,
    SECRET_FAILED,
    SECRET_INJECTION,
    SECRET_ROWS,
    SERVICE_ROWS,
    UNCLEAR,
    UNKNOWN,
    Explanation,
    Kind,
    Row,
)
from pullguard.domain.stopped_reason import NamedRole, StoppedText, compiled, read_stopped_text
from pullguard.domain.usage import Reason

__all__ = ["EXPLANATIONS", "UNKNOWN", "Diagnosis", "Explanation", "Kind", "diagnose", "explain", "priority"]

# The subject of a text.
_CREDENTIALS: Final = (
    r"registry auth from asm|\basm fetching"
    r"|authorizationdata is malformed|empty secrets value|unable to unmarshal secret value"
    r"|private registry credentials: not found|cannotpullcontainerautherror|container's registry auth data"
)
_ECR_LOGIN: Final = (
    r"unable to retrieve ecr registry auth|registry auth from amazon ecr|cannotpullecrcontainererror"
    r"|engine ecr credentials|ecr auth(?: data|:)"
)
_INJECTION: Final = (
    r"unable to retrieve secrets? from (?:asm|ssm)|failed to fetch secret <> from secrets manager"
    r"|can(?:'t|not) retrieve the secret with arn|fetching secret data from|did not contain json key"
    r"|unable to create ssm client|trying to retrieve secret with value"
    r"|could not find a secretsmanager secretid|invalid ssm parameters"
)
_GENERIC: Final = "unable to pull secrets or registry auth"
_PULL: Final = (
    r"cannotpull|failed to resolve ref|resolve image|pull access denied|requested access to the resource is denied"
    r"|insufficient_scope|(?:\bunauthorized: |<>: \")authentication required"
    r"|failed to fetch (?:anonymous|oauth) token|failed to authorize"
    r"|pull image manifest|inspect image has been|ref pull has been|failed to pull|transition to pulled"
    r"|httpread\w*|can't pull the image"
    r"|toomanyrequests|pull rate limit|too many failed login|manifest unknown|manifest for <>|basic auth credentials"
    r"|registry endpoint|invalid reference format|matching manifest for|image manifest does not|error from registry"
    r"|failed to (?:register|extract) layer|unexpected status from (?:get|head) request"
    r"|error response from daemon: (?:get|head) <>"
    r"|(?:^|daemon: |registry: |<>: |task: |\(error )(?:denied|unauthorized|name unknown): "
)
_OTHER: Final = (
    r"cannot(?:start|create|stop|inspect|describe)|logging driver|log stream|env files"
    # Things that a service does besides starting tasks: targets, service discovery, scaling, volumes.
    r"|^<> (?:(?:is|was|has) )?(?:failed to|unable to) (?!(?:consistently )?(?:launch|start|place|run|pull)\b)"
    r"|target-group|\belb\b|load balancer|health checks?\b|service discovery"
)
_OF_ECR: Final = r"perform: <ecr(?:-public)?>|does not exist in the registry with id|redacted ecr url|amazon ecr\b"
_TOKEN_STEP: Final = r"failed to fetch (?:anonymous|oauth) token"  # noqa: S105 (a step of a pull)

# At the end of a chain containerd names the class of an error, which is less specific than the preceding text.
_CLASS: Final = r"(?:[^:]{0,120}: (?:not found|unknown|failed precondition|unavailable|invalid argument))?"
# Explanations that take precedence wherever they appear, each over the given kinds.
_SPECIAL: Final[tuple[tuple[Explanation, frozenset[Kind]], ...]] = (
    (LOCKED_OUT, frozenset({"rate-limited", "pull-denied", "no-credentials-used"})),
    (ADDRESS_REFUSED, frozenset({"pull-denied", "no-credentials-used"})),
    (NO_CREDENTIALS, frozenset({"pull-denied"})),
)
EXPLANATIONS: Final[tuple[Explanation, ...]] = tuple(
    dict.fromkeys(
        (
            *(explanation for _, explanation in (*SECRET_ROWS, *ROLE_ROWS)),
            SECRET_FAILED,
            *(explanation for _, explanation in PULL_ROWS),
            PULL_FAILED,
            UNCLEAR,
            ECR,
            SECRET_INJECTION,
            *(explanation for _, explanation in SERVICE_ROWS),
            UNKNOWN,
        )
    )
)
"""The order in which one of several texts is chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """An explanation, and what the text names: ``images``, the ``registry`` of the one that failed, and the ``role``.

    The last two are None if neither the text nor the task's containers name them.
    """

    explanation: Explanation
    images: tuple[ImageReference, ...] = ()
    registry: str | None = None
    role: NamedRole | None = None


def explain(reasons: str | Iterable[str | Reason], images: Iterable[ImageReference] = ()) -> Explanation:
    """Return the explanation of ``reasons``; see ``diagnose``."""
    return diagnose(reasons, images).explanation


def diagnose(reasons: str | Iterable[str | Reason], images: Iterable[ImageReference] = ()) -> Diagnosis:
    """Return the diagnosis of ``reasons``: a task's stoppedReason, its containers' reasons, or all of them.

    ``images`` are those of the task's containers, if known. They decide whether a pull was from Amazon ECR; the text
    decides it only if the images disagree or none is known. If there are several texts, one about registry credentials
    comes first.
    """
    known = tuple(images)
    texts = (reasons,) if isinstance(reasons, str) else tuple(reasons)
    found = [diagnose_one(Reason(text=text) if isinstance(text, str) else text, known) for text in texts]
    return min(found, key=priority, default=Diagnosis(explanation=UNKNOWN))


def priority(diagnosis: Diagnosis) -> tuple[bool, int]:
    """Return the sort key that puts the most informative diagnosis about registry credentials or a pull first."""
    explanation = diagnosis.explanation
    return not explanation.is_registry_related, EXPLANATIONS.index(explanation)


def diagnose_one(reason: Reason, images: tuple[ImageReference, ...]) -> Diagnosis:
    """Return the diagnosis of one reason; see ``diagnose``."""
    text = read_stopped_text(reason.text)
    known = parse_images((reason.image,) if reason.image else ()) or images
    explanation = _explain_one(text, known)
    hosts = {image.host for image in known}
    registry = (known[0].host if len(hosts) == 1 else text.registry) if explanation.is_registry_related else None
    return Diagnosis(explanation=explanation, images=text.images, registry=registry, role=text.role)


def _explain_one(text: StoppedText, images: tuple[ImageReference, ...]) -> Explanation:
    words = text.words
    if (role := _cause(ROLE_ROWS, words)) is not None:
        return role
    if _has(_CREDENTIALS, words):
        return _cause(SECRET_ROWS, words) or SECRET_FAILED
    if _has(_ECR_LOGIN, words):
        return ECR
    if _has(_INJECTION, words):
        return SECRET_INJECTION
    if _has(_PULL, words) and (not _has(_OTHER, words) or "cannotpull" in words):
        return ECR if _is_of_ecr(text, images) else _pull_cause(words)
    if _GENERIC in words:
        return UNCLEAR
    return _cause(SERVICE_ROWS, words) or UNKNOWN


def _cause(rows: tuple[Row, ...], words: str) -> Explanation | None:
    """Return the explanation of the cause that ends last; if two end together, that of the longer."""
    found = [
        (match.end(), -match.start(), explanation)
        for pattern, explanation in rows
        for match in compiled(f"(?:{pattern}){_CLASS}").finditer(words)
    ]
    return max(found, key=lambda each: each[:2])[2] if found else None


def _has(pattern: str, words: str) -> bool:
    return compiled(pattern).search(words) is not None


def _pull_cause(words: str) -> Explanation:
    cause = _cause((*PULL_ROWS, *HOST_ROWS), words) or PULL_FAILED
    matching = [explanation for pattern, explanation in PULL_ROWS if _has(pattern, words)]
    for special, kinds in _SPECIAL:
        if cause.kind in kinds and special in matching:
            return special
    if cause.kind == "image-not-found" and _has(_TOKEN_STEP, words):
        return PULL_FAILED  # the token service has no such page, which says nothing about the image
    return cause


def _is_of_ecr(text: StoppedText, images: tuple[ImageReference, ...]) -> bool:
    """Whether the image that could not be pulled is in Amazon ECR; an unclear case counts as not in ECR."""
    if images and len({image.is_ecr for image in images}) == 1:
        return images[0].is_ecr
    if text.registry is not None:
        return text.names_ecr
    return text.names_ecr or _has(_OF_ECR, text.words)
