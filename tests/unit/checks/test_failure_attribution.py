"""A task that failed to start: which finding explains it, and what is ruled out where none does."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pullguard.checks.examine import examine
from pullguard.domain.diagnosis import diagnose, explain
from pullguard.domain.findings import Finding
from pullguard.domain.image import parse_image
from pullguard.domain.usage import FailedStart, Reason, Usage
from pullguard.domain.verification import RegistryAnswer, Verification
from tests.fakes import CLUSTER, NOW, World, container, denied, key, role, secret, task_definition
from tests.unit.domain.stopped_texts import TEXTS

if TYPE_CHECKING:
    from pullguard.domain.facts import Facts

GHCR = secret()
IMAGE = "ghcr.io/acme/web:1"
WORLD = World((task_definition(container(GHCR)),), (role(reads=[GHCR]),), (GHCR,))
NO_RIGHT = (
    "asm fetching secret from the service for registry/ghcr: AccessDeniedException: User: arn:x is not authorized to "
    "perform: secretsmanager:GetSecretValue"
)
REFUSED = "CannotPullContainerError: pull access denied for acme/web"
TOO_MANY = "CannotPullContainerError: toomanyrequests: You have reached your pull rate limit."
NO_WAY = "unable to get registry auth from asm: asm fetching secret from the service for x: RequestError: dial tcp"
TIMED_OUT = "CannotPullContainerError: failed to do request: dial tcp 192.0.2.1:443: i/o timeout"
UNSAID = "CannotPullContainerError: boom"


def start_failed(world: World, reason: str, answer: RegistryAnswer | None = None) -> tuple[Finding, list[str]]:
    """Return the finding about a task that stopped with ``reason``, and the ids of all others."""
    verifications = {} if answer is None else {IMAGE: Verification(answer=answer)}
    start = FailedStart(task_arn=f"{CLUSTER}/1", stopped_at=NOW - timedelta(minutes=1), reasons=(Reason(text=reason),))
    here = replace(world, running=Usage(newest=True, failed_starts=(start,)), verifications=verifications)
    facts: Facts = here.facts()
    findings = examine(facts).findings
    (own,) = (each for each in findings if each.check == "task-start-failed")
    return own, [each.check for each in findings if each is not own]


BROKEN = replace(WORLD, roles=(role(),))
UNREAD = replace(WORLD, unreadable={str(role().arn): denied()})
EXPLAINED: dict[str, tuple[World, str, RegistryAnswer | None, str]] = {
    "by the check that the message leads to": (
        BROKEN,
        NO_RIGHT,
        None,
        "explained by the finding secret-access-missing",
    ),
    "by what the registry says": (WORLD, REFUSED, "rejected", "explained by the finding credentials-rejected"),
    "by too many pulls": (WORLD, TOO_MANY, "rate-limited", "explained by the finding registry-rate-limited"),
    "perhaps by another": (BROKEN, REFUSED, "ok", "may be explained by the finding secret-access-missing"),
}


@pytest.mark.parametrize(("world", "reason", "answer", "said"), EXPLAINED.values(), ids=EXPLAINED)
def test_the_finding_that_explains_it_is_named(
    world: World, reason: str, answer: RegistryAnswer | None, said: str
) -> None:
    finding, others = start_failed(world, reason, answer)
    assert said in finding.remedy.text
    assert others
    assert "Ruled out" not in finding.remedy.text


NO_SECRET = "asm fetching secret from the service for registry/ghcr: ResourceNotFoundException: no such secret"
NO_KEY = f"{NO_RIGHT.partition(': ')[0]}: AccessDeniedException: Access to KMS is not allowed"
NEXT = secret(key=key(2), current_keys=(key(1),))
OPENS_THE_CURRENT_VERSION = role(reads=[replace(NEXT, key=key(1))])
WARNED: dict[str, tuple[World, str, str]] = {
    "a name, which works": (
        replace(WORLD, task_definitions=(task_definition(container("registry/ghcr")),)),
        NO_SECRET,
        "reference-not-full-arn",
    ),
    "a key of the next version": (
        World((task_definition(container(NEXT)),), (OPENS_THE_CURRENT_VERSION,), (NEXT,)),
        NO_KEY,
        "decrypt-access-missing",
    ),
    "an error of one container explains what a warning of another does not": (
        World(
            (task_definition(container("registry/ghcr", name="b"), container("registry/gone", name="a")),),
            (role(reads=[GHCR]),),
            (GHCR,),
        ),
        NO_SECRET,
        "reference-not-full-arn",
    ),
}


@pytest.mark.parametrize(("world", "reason", "warning"), WARNED.values(), ids=WARNED)
def test_a_warning_explains_no_start_that_failed(world: World, reason: str, warning: str) -> None:
    finding, others = start_failed(world, reason)
    assert warning in others
    assert warning not in finding.remedy.text
    assert ("explained by the finding" in finding.remedy.text) is ("secret-not-found" in others)
    assert bool(finding.part_of) is ("secret-not-found" in others)


@pytest.mark.parametrize("reason", [NO_RIGHT, REFUSED, UNSAID])
def test_the_checks_that_are_ruled_out_are_named_if_all_is_fine(reason: str) -> None:
    finding, others = start_failed(WORLD, reason, "ok")
    assert others == []
    ruled_out = finding.remedy.text.partition("Ruled out, since it is in order now: ")[2].partition(".")[0]
    assert set(explain(reason).checks) & set(ruled_out.split(", "))
    assert ruled_out.endswith("further checks")
    assert len(ruled_out) < 400


@pytest.mark.parametrize(
    "kind", [kind for kind in TEXTS if kind not in {"ecr-authorization", "secret-injection", "unknown"}]
)
def test_the_fix_is_that_of_what_the_text_says(kind: str) -> None:
    for text in (each for each in TEXTS[kind] if diagnose(each).role is None):
        finding, others = start_failed(WORLD, text, "ok")
        assert others == []
        assert finding.remedy.text.startswith(explain(text, [parse_image(IMAGE)]).how_to_fix)


NO_CHECK_BEARS_ON_IT = (
    NO_WAY,
    "CannotPullContainerError: no space left on device",
    "CannotPullContainerError: x509: certificate signed by unknown authority",
    "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'",
    "CannotPullContainerError: invalid reference format",
    "CannotPullContainerError: media type application/x is not supported",
)


@pytest.mark.parametrize("world", [WORLD, BROKEN, UNREAD], ids=["fine", "broken", "unread"])
@pytest.mark.parametrize("reason", NO_CHECK_BEARS_ON_IT)
def test_a_reason_without_a_check_has_only_its_own_fix(reason: str, world: World) -> None:
    finding, _ = start_failed(world, reason)
    assert finding.remedy.text == explain(reason).how_to_fix
    assert finding.part_of == ""


def test_the_registrys_answer_does_not_cover_a_secret_that_was_not_read() -> None:
    finding, _ = start_failed(WORLD, NO_RIGHT, "ok")
    assert "From Pullguard's network" not in finding.remedy.text


@pytest.mark.parametrize("reason", [TOO_MANY, TIMED_OUT, "CannotPullContainerError: 503 Service Unavailable"])
def test_checks_that_do_not_bear_on_it_rule_nothing_out(reason: str) -> None:
    finding, _ = start_failed(WORLD, reason, "ok")
    assert "Ruled out" not in finding.remedy.text


@pytest.mark.parametrize("reason", [REFUSED, TOO_MANY, TIMED_OUT])
def test_a_check_made_from_another_network_is_not_ruled_out(reason: str) -> None:
    finding, _ = start_failed(WORLD, reason, "ok")
    assert "registry-unreachable" not in finding.remedy.text
    assert "registry-rate-limited" not in finding.remedy.text
    assert "From Pullguard's network the registry answers" in finding.remedy.text


def test_an_unchecked_question_is_not_ruled_out() -> None:
    finding, _ = start_failed(WORLD, REFUSED)
    ruled_out, _, not_asked = finding.remedy.text.partition("Not checked: ")
    assert "credentials-rejected" not in ruled_out
    assert not_asked.startswith("credentials-rejected (live verification is switched off")
    assert "VerifyCredentials=true" in not_asked


def test_an_undetermined_question_is_not_ruled_out() -> None:
    finding, _ = start_failed(UNREAD, NO_RIGHT, "ok")
    ruled_out, _, not_reported = finding.remedy.text.partition("Could not be determined: ")
    assert "secret-access-missing" not in ruled_out
    assert "execution-role-not-found" in not_reported or "secret-access-missing" in not_reported


def test_the_likeliest_comes_first() -> None:
    finding, _ = start_failed(WORLD, REFUSED, "ok")
    assert "in order now: credentials-rejected" in finding.remedy.text
