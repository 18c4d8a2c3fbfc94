"""Whom an alert names and what it mutes: one repository that may not be read, a password that is wrong, one host."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.domain.opt_in import REGISTRY_TAG
from pullguard.domain.secret import Rotation, RotationEnd
from pullguard.domain.usage import FailedStart, Reason, Usage
from pullguard.domain.verification import Verification
from pullguard.store.ledger import Ledger
from pullguard.store.services import Kept
from tests.fakes import CLUSTER, World, container, revision_arn, role, secret, service, task_definition
from tests.flows import Harness, request
from tests.unit.workflows.incident_scene import deliver

SECRET = secret(tags={REGISTRY_TAG: "ghcr.io docker.io"})
FAMILIES = tuple(f"f{number}" for number in range(7))
HEALTHY, ODD = FAMILIES[:-1], FAMILIES[-1]
OK = Verification(answer="ok", detail="200")
WRONG = Verification(answer="rejected", detail="401")
CLOSED = Verification(answer="rejected", detail="403", refuses="repository")


def image(family: str, host: str = "ghcr.io") -> str:
    return f"{host}/acme/{family}:1"


def world(answers: dict[str, Verification], *, version: str = "v1", hosts: dict[str, str] | None = None) -> World:
    """Seven families with one secret, each with an image of its own, at a host of its own where one is given."""
    kept = replace(SECRET, stages={version: ("AWSCURRENT",)})
    images = {each: image(each, (hosts or {}).get(each, "ghcr.io")) for each in FAMILIES}
    return World(
        tuple(task_definition(container(kept, image=images[each]), family=each) for each in FAMILIES),
        (role(reads=[kept]),),
        (kept,),
        verifications={images[each]: answers.get(each, OK) for each in FAMILIES},
    )


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    here = Harness(ledger, world({}))
    assert round_of(here) == []
    for each in FAMILIES:
        here.services.keep(service(each).service_arn, Kept(task_definition=str(revision_arn(each))))
    return here


def round_of(here: Harness, *families: str) -> list[tuple[str, int]]:
    """Look at all, and return kind and number of named services of each message that came of it."""
    known = len(here.sent.alerts)
    for each in families or FAMILIES:
        here.validate(request(revision_arn(each)))
    deliver(here)
    here.later(minutes=1)
    return [
        (alert["MessageAttributes"]["kind"]["StringValue"], alert["Message"].count("- service/") or 1)
        for alert in here.sent.alerts[known:]
    ]


# --- The registry ------------------------------------------------------------------------------------------------


def test_a_repository_that_may_not_be_read_names_its_own_family_alone(harness: Harness) -> None:
    harness.world = world({ODD: CLOSED})
    assert round_of(harness) == [("Finding Opened", 1)]
    (alert,) = harness.sent.alerts
    assert f"service/main/{ODD}" in alert["Message"]
    assert "*" not in alert["Message"]
    assert not any(f"service/main/{each}" in alert["Message"] for each in HEALTHY)


@pytest.mark.parametrize("first", [ODD, HEALTHY[0]])
def test_one_closed_repository_mutes_no_outage(harness: Harness, first: str) -> None:
    harness.world = world({ODD: CLOSED})
    round_of(harness)
    harness.world = world(dict.fromkeys(FAMILIES, WRONG), version="v2")
    order = sorted(FAMILIES, key=lambda each: each != first)
    assert round_of(harness, *order) == [("Finding Opened", len(FAMILIES))]

    harness.world = world({ODD: CLOSED}, version="v3")
    assert round_of(harness, *order) == [("Finding Resolved", len(FAMILIES))]  # the odd one was hit by that one as well
    assert "*" not in harness.sent.alerts[-1]["Message"]

    harness.world = world({}, version="v3")
    assert round_of(harness) == [("Finding Resolved", 1)]
    assert ODD in harness.sent.alerts[-1]["Message"]


def test_findings_that_end_behind_an_outage_end_with_it(harness: Harness) -> None:
    for answers, version in (({ODD: CLOSED}, "v1"), (dict.fromkeys(FAMILIES, WRONG), "v2")):
        harness.world = world(answers, version=version)
        round_of(harness)
    harness.world = world({}, version="v3")
    assert sorted(round_of(harness)) == [("Finding Resolved", 1), ("Finding Resolved", len(FAMILIES))]


def test_an_outage_behind_one_refusal_of_another_version_is_reported(harness: Harness) -> None:
    """A registry with Basic says 401 to both; then a new version that all are refused with is news."""
    harness.world = world({ODD: WRONG})
    round_of(harness)
    harness.world = world(dict.fromkeys(FAMILIES, WRONG), version="v2")
    assert round_of(harness) == [("Finding Changed", len(FAMILIES))]


def test_who_pulls_from_another_host_with_the_secret_is_not_named(ledger: Ledger) -> None:
    elsewhere = dict.fromkeys(HEALTHY, "docker.io")
    here = Harness(ledger, world({}, hosts=elsewhere))
    round_of(here)
    here.world = world({ODD: WRONG}, hosts=elsewhere)
    round_of(here)
    assert not any(f"/{each}" in here.sent.alerts[0]["Message"] for each in HEALTHY)


# --- A rotation that failed --------------------------------------------------------------------------------------


def test_a_failed_rotation_says_who_is_at_risk_and_when_each_pulls_next(ledger: Ledger) -> None:
    rotating = replace(SECRET, rotation=Rotation(enabled=True))
    definitions = tuple(task_definition(container(rotating), family=each) for each in FAMILIES[:3])
    here = Harness(ledger, World(definitions, (role(reads=[rotating]),), (rotating,)))
    here.world.verifications = {image("web"): OK}
    round_of(here, *FAMILIES[:3])
    for each, (desired, running) in zip(FAMILIES, ((2, 2), (2, 1), (0, 0)), strict=False):
        use = replace(service(each, runs=revision_arn(each)), desired_count=desired, running_count=running)
        here.services.keep(use.service_arn, Kept.of(use))
    here.ledger.rotations.keep(rotating.arn, RotationEnd(outcome="failed", at=here.time))
    here.validate(request(revision_arn("f0"), kind="RotationFailed"))
    deliver(here)
    (alert,) = here.sent.alerts
    assert alert["Subject"].startswith("[Pullguard] error: 3 services at risk: secret registry/ghcr")
    assert "cannot pull" not in alert["Message"]
    for line in (
        "- service/main/f0 (f0:7): pulls when it is next deployed or scaled out, or a task is replaced\n",
        "- service/main/f1 (f1:7) *: pulls now, since tasks are missing\n",
        "- service/main/f2 (f2:7) *: pulls when it is scaled out from 0\n",
    ):
        assert line in alert["Message"]


# --- Tasks that fail to start ------------------------------------------------------------------------------------

FETCHING = "ResourceInitializationError: asm fetching secret from the service for registry/ghcr:"
STARTS: dict[str, tuple[Verification, str, list[str]]] = {
    "explained": (WRONG, "CannotPullContainerError: pull access denied for acme/web", ["credentials-rejected"]),
    "too-many-pulls": (
        OK,
        "CannotPullContainerError: toomanyrequests: You have reached your pull rate limit.",
        ["task-start-failed"],
    ),
    "no-way-to-the-registry": (OK, "CannotPullContainerError: dial tcp: i/o timeout", ["task-start-failed"]),
    "too-many-reads": (OK, f"{FETCHING} ThrottlingException: Rate exceeded", ["task-start-failed"]),
    "no-way-to-the-secret": (OK, f"{FETCHING} RequestCanceled: context deadline exceeded", ["task-start-failed"]),
    "each-familys-own": (
        OK,
        "CannotPullContainerError: pull access denied for acme/web",
        ["task-start-failed"] * len(FAMILIES),
    ),
}


@pytest.mark.parametrize(("answer", "reason", "reported"), STARTS.values(), ids=STARTS)
def test_starts_that_fail_for_one_reason_are_one_message(
    harness: Harness, answer: Verification, reason: str, reported: list[str]
) -> None:
    harness.world = world(dict.fromkeys(FAMILIES, answer))
    fail(harness, reason)
    assert checks(harness) == reported


def test_an_explained_finding_is_no_news_when_its_incident_is_resolved(harness: Harness) -> None:
    harness.world = world(dict.fromkeys(FAMILIES, WRONG))
    fail(harness, "CannotPullContainerError: pull access denied for acme/web")
    running = harness.world.running
    harness.world = world({}, version="v2")
    harness.world.running = running
    assert round_of(harness) == [("Finding Resolved", len(FAMILIES))]
    fail(harness, "CannotPullContainerError: dial tcp: i/o timeout")  # and that is something else
    assert checks(harness) == ["credentials-rejected", "credentials-rejected", "task-start-failed"]


def test_one_dead_family_mutes_no_failure_of_all(harness: Harness) -> None:
    reason = "CannotPullContainerError: toomanyrequests: You have reached your pull rate limit."
    fail(harness, reason, ODD)
    harness.later(hours=20)
    fail(harness, reason, *HEALTHY[:2])
    assert kinds(harness) == ["Finding Opened", "Finding Changed"]  # which names the first
    assert f"service/main/{HEALTHY[0]}" in harness.sent.alerts[-1]["Message"]

    fail(harness, reason, *HEALTHY)
    harness.later(minutes=30)
    harness.alerter().reminder.remind()
    assert len(harness.sent.alerts) == 2
    harness.later(minutes=31)
    harness.alerter().reminder.remind()
    harness.alerter().reminder.remind()
    assert kinds(harness) == ["Finding Opened", "Finding Changed", "Finding Changed"]
    assert [each for each in FAMILIES if f"service/main/{each}" not in harness.sent.alerts[-1]["Message"]] == []


def kinds(here: Harness) -> list[Any]:
    return [alert["MessageAttributes"]["kind"]["StringValue"] for alert in here.sent.alerts]


def fail(here: Harness, reason: str, *families: str) -> None:
    """A task of each family fails to start, and is validated."""
    for each in families or FAMILIES:
        start = FailedStart(task_arn=f"{CLUSTER}/{each}", stopped_at=here.time, reasons=(Reason(text=reason),))
        here.world.running = Usage(
            newest=True, services=(service(each, runs=revision_arn(each)),), failed_starts=(start,)
        )
        here.validate(request(revision_arn(each), kind="ECS Task State Change"))
        deliver(here)


def checks(here: Harness) -> list[Any]:
    return [alert["MessageAttributes"]["check"]["StringValue"] for alert in here.sent.alerts]
