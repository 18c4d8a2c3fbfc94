"""Who is at risk, and when will they pull next?"""

from dataclasses import replace

import pytest

from pullguard.checks.next_pull import next_pulls
from pullguard.domain.lookup import TASKS_NOT_ASKED, Lookup
from pullguard.domain.usage import TaskUse, Usage
from tests.fakes import CLUSTER, denied, service

RUNNING = replace(service(), desired_count=2, running_count=2)
TASK = TaskUse(cluster_arn=CLUSTER, task_arn=f"{CLUSTER}/1", task_definition="web:7")

STARTED = " Tasks that a schedule or a program starts pull at each start."
SAID: dict[str, tuple[Lookup[Usage], str]] = {
    "not read": (
        denied("ecs:ListServices"),
        "Its services and tasks were not read; every task that starts pulls the image.",
    ),
    "nothing": (Usage(newest=True), "Nothing runs it now; every task that starts pulls the image."),
    "no service, and tasks that were not listed": (
        Usage(newest=True, tasks=TASKS_NOT_ASKED),
        "No service is known to run it; its tasks were not read. Every task that starts pulls the image.",
    ),
    "a service, and tasks that were not listed": (
        Usage(newest=True, services=(service(),), tasks=TASKS_NOT_ASKED),
        f"At risk: service web pulls when it is scaled out from 0.{STARTED}",
    ),
    "a service": (
        Usage(newest=True, services=(RUNNING,), tasks=(TASK, TASK)),
        "At risk: service web (2 running) pulls when it is next deployed or scaled out, or a task is replaced."
        + STARTED,
    ),
    "a service that starts tasks": (
        Usage(newest=True, services=(replace(RUNNING, running_count=1),)),
        f"At risk: service web pulls now: 1 of 2 tasks run.{STARTED}",
    ),
    "a service at 0": (
        Usage(newest=True, services=(service(),)),
        f"At risk: service web pulls when it is scaled out from 0.{STARTED}",
    ),
    "a task of nobody's": (
        Usage(newest=True, tasks=(TASK,)),
        f"At risk: 1 running task(s) of no service, which pull when they are started again.{STARTED}",
    ),
}


@pytest.mark.parametrize(("usage", "said"), SAID.values(), ids=SAID)
def test_each_usage_has_its_sentence(usage: Lookup[Usage], said: str) -> None:
    assert next_pulls(usage) == said


def test_many_services_are_counted_and_not_all_named() -> None:
    said = next_pulls(Usage(newest=True, services=tuple(service(f"s{number}") for number in range(25))))
    assert "service s19 " in said
    assert "service s20 " not in said
    assert "so do 5 more services" in said
