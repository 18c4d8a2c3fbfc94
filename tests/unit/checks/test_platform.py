"""Can the platform that runs it fetch registry credentials, and did a task just fail to start?"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.domain.facts import Facts
from pullguard.domain.lookup import TASKS_NOT_ASKED, NotAsked
from pullguard.domain.usage import FailedStart, Instance, Reason, ServiceUse, TaskUse, Usage
from tests.fakes import CLUSTER, NOW, World, container, denied, revision_arn, role, secret, service, task_definition
from tests.unit.checks.answers import failed, said

OWN = secret()
PLATFORM, AGENT, START = "fargate-platform-too-old", "container-agent-too-old", "task-start-failed"


def facts(usage: Any, *, reference: object = OWN, **raw: Any) -> Facts:
    definition = task_definition(container(reference))
    definition = replace(definition, raw={**definition.raw, **raw})
    found = World((definition,), (role(reads=[OWN]),), (OWN,)).facts()
    return found.with_usage(usage)


def using(*services: ServiceUse, **more: Any) -> Usage:
    return Usage(newest=True, services=services, **more)


def on(version: str | None, **changes: Any) -> ServiceUse:
    return replace(service(), platform_version=version, **changes)


def task(version: str | None = None, **changes: Any) -> TaskUse:
    whole = TaskUse(
        cluster_arn=CLUSTER, task_arn="task/1", task_definition=str(revision_arn()), platform_version=version
    )
    return replace(whole, **changes)


def instance(version: str, **changes: Any) -> Instance:
    return replace(Instance(cluster_arn=CLUSTER, instance_arn=f"i-{version}", agent_version=version), **changes)


def placed(*instances: Instance, **changes: Any) -> Usage:
    return using(replace(service(), **changes), instances=instances)


NOT_ASKED = NotAsked(why="off", switch="--on")
WINDOWS = {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}
ANSWERS: dict[str, tuple[str, Facts, list[str]]] = {
    "runs-nowhere": (PLATFORM, facts(using()), ["Passed"]),
    "latest": (PLATFORM, facts(using(on("LATEST"))), ["Passed"]),
    "the-oldest-that-does": (PLATFORM, facts(using(on("1.2.0"))), ["Passed"]),
    "one-before-it": (PLATFORM, facts(using(on("1.1.0"))), ["Failed"]),
    "compared-as-numbers": (PLATFORM, facts(using(on("1.10.0"))), ["Passed"]),
    "a-task-alone": (PLATFORM, facts(using(tasks=(task("1.0.0"),))), ["Failed"]),
    "tasks-not-listed-prove-nothing": (PLATFORM, facts(using(on("LATEST"), tasks=TASKS_NOT_ASKED)), []),
    "a-service-if-tasks-were-not-listed": (PLATFORM, facts(using(on("1.1.0"), tasks=TASKS_NOT_ASKED)), ["Failed"]),
    "windows": (PLATFORM, facts(using(on("1.0.0")), **WINDOWS), []),
    "without-credentials": (PLATFORM, facts(using(on("1.0.0")), reference=None), []),
    "usage-not-asked": (PLATFORM, facts(NOT_ASKED), ["Skipped"]),
    "usage-denied": (PLATFORM, facts(denied("ecs:ListServices")), ["Unsure"]),
    "usage-not-asked-is-said-once": (AGENT, facts(NOT_ASKED), []),
    "no-instance": (AGENT, facts(using(on(None))), []),
    "a-current-agent": (AGENT, facts(placed(instance("1.19.0"))), ["Passed"]),
    "an-old-agent": (AGENT, facts(placed(instance("1.18.0"))), ["Failed"]),
    "an-agent-with-a-v": (AGENT, facts(placed(instance("v1.18.0"))), ["Failed"]),
    "an-agent-of-no-version": (AGENT, facts(placed(instance("unknown"))), ["Passed"]),
    "another-cluster": (AGENT, facts(placed(instance("1.18.0", cluster_arn="other"))), []),
    "fargate": (AGENT, facts(placed(instance("1.18.0"), launch_type="FARGATE")), []),
    "another-capacity-provider": (
        AGENT,
        facts(placed(instance("1.18.0", capacity_provider="a"), capacity_providers=("b",))),
        [],
    ),
    "anywhere-without-being-asked": (
        AGENT,
        facts(placed(instance("1.18.0", attributes=frozenset({"ecs.capability.external"})))),
        [],
    ),
    "a-constraint-may-spare-the-old-one": (
        AGENT,
        facts(placed(instance("1.18.0"), instance("1.80.0"), constraints=("memberOf(attribute:x == y)",))),
        ["Unsure"],
    ),
    "distinct-instances-spare-none": (
        AGENT,
        facts(placed(instance("1.18.0"), instance("1.80.0"), constraints=("distinctInstance",))),
        ["Failed"],
    ),
    "all-are-old-whatever-the-constraint": (
        AGENT,
        facts(placed(instance("1.18.0"), constraints=("memberOf(attribute:x == y)",))),
        ["Failed"],
    ),
}


@pytest.mark.parametrize(("check", "given", "kinds"), ANSWERS.values(), ids=ANSWERS)
def test_a_check_of_the_platform_answers(check: str, given: Facts, kinds: list[str]) -> None:
    assert said(check, given) == [(kind, None) for kind in kinds]


def test_only_services_that_ecs_deploys_get_a_command() -> None:
    usage = using(on("1.1.0"), on("1.1.0", controller="CODE_DEPLOY", name="blue"))
    answer = failed(PLATFORM, facts(usage))
    assert answer.evidence.count("runs on platform version 1.1.0") == 2
    snippet = answer.remedy.snippet or ""
    assert snippet.count("aws ecs update-service") == 1
    assert snippet.endswith("--service web --platform-version LATEST")


def test_no_more_than_ten_agents_are_named() -> None:
    old = tuple(instance(f"1.0.{number}") for number in range(12))
    answer = failed(AGENT, facts(placed(*old)))
    assert answer.evidence.count("agent 1.0.") == 10
    assert answer.remedy.text.endswith("These are the first 10 of 12.")


def start(text: str = "CannotPullContainerError: toomanyrequests: rate limit", **ago: float) -> FailedStart:
    return FailedStart(
        task_arn="task/1", stopped_at=NOW - timedelta(**ago), reasons=(Reason(text=text),), of_service=True
    )


def running(**ago: float) -> TaskUse:
    return task(started_at=NOW - timedelta(**ago))


STARTS: dict[str, tuple[Usage, list[str]]] = {
    "none": (using(), []),
    "just-now": (using(failed_starts=(start(minutes=1),)), ["Failed"]),
    "long-ago": (using(failed_starts=(start(minutes=16),)), []),
    "for-another-reason": (using(failed_starts=(start("OutOfMemoryError: killed", minutes=1),)), []),
    "a-task-started-since": (using(failed_starts=(start(minutes=5),), tasks=(running(minutes=1),)), ["Passed"]),
    "a-task-that-was-running-before": (
        using(failed_starts=(start(minutes=5),), tasks=(running(hours=1),)),
        ["Failed"],
    ),
    "a-task-runs-and-none-failed": (using(tasks=(running(hours=1),)), ["Passed"]),
}


@pytest.mark.parametrize(("usage", "kinds"), STARTS.values(), ids=STARTS)
def test_a_start_that_failed(usage: Usage, kinds: list[str]) -> None:
    assert said(START, facts(usage)) == [(kind, None) for kind in kinds]


SCOPES: dict[str, tuple[str, str]] = {
    "pull-limit": ("CannotPullContainerError: toomanyrequests: rate limit", "pull limit of ghcr.io"),
    "no-way-to-the-registry": ("CannotPullContainerError: dial tcp: i/o timeout", "way to ghcr.io"),
    "its-own-fault": ("CannotPullContainerError: manifest for ghcr.io/acme/web:1 not found", ""),
}


@pytest.mark.parametrize(("text", "scope"), SCOPES.values(), ids=SCOPES)
def test_the_thing_that_several_families_share_is_the_scope(text: str, scope: str) -> None:
    assert failed(START, facts(using(failed_starts=(start(text, minutes=1),)))).scope == scope


def test_the_newest_failure_counts() -> None:
    older, newer = start("CannotPullContainerError: dial tcp: i/o timeout", minutes=9), start(minutes=1)
    cause = failed(START, facts(using(failed_starts=(newer, older)))).cause
    assert "failed to start at 2026-11-23 11:59:00 UTC" in cause
