"""Which services are at risk, and when they pull next: part of findings about something that fails at the next pull.

A running task has its image and does not pull again. A service pulls whenever ECS starts a task of it. Schedules and
programs pull at each start; ECS does not identify them, and the schedulers are not queried.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html
"""

from typing import Final, Literal, TypeAlias, assert_never

from pullguard.domain.lookup import Lookup, NotAsked
from pullguard.domain.usage import ServiceUse, Usage

_NAMED_MAX: Final = 20
NextPull: TypeAlias = Literal["now", "scaled-out", "deployed"]
IN_WORDS: Final[dict[str, str]] = {
    "now": "pulls now, since tasks are missing",
    "scaled-out": "pulls when it is scaled out from 0",
    "deployed": "pulls when it is next deployed or scaled out, or a task is replaced",
}


def next_pulls(usage: Lookup[Usage]) -> str:
    """Return one or more sentences: what runs the revision, and what makes it pull."""
    if not isinstance(usage, Usage):
        return "Its services and tasks were not read; every task that starts pulls the image."
    reported = [_service(use) for use in usage.services[:_NAMED_MAX]]
    if more := len(usage.services) - len(reported):
        reported.append(f"so do {more} more services")
    alone = len(usage.listed_tasks) - sum(use.running_count for use in usage.services)
    if alone > 0:
        reported.append(f"{alone} running task(s) of no service, which pull when they are started again")
    if not reported and isinstance(usage.tasks, NotAsked):
        return "No service is known to run it; its tasks were not read. Every task that starts pulls the image."
    if not reported:
        return "Nothing runs it now; every task that starts pulls the image."
    return f"At risk: {'; '.join(reported)}. Tasks that a schedule or a program starts pull at each start."


def next_pull_of(use: ServiceUse) -> NextPull:
    """Return what makes a service pull next."""
    if use.running_count < use.desired_count:
        return "now"
    return "deployed" if use.desired_count else "scaled-out"


def _service(use: ServiceUse) -> str:
    match next_pull_of(use):
        case "now":
            return f"service {use.name} pulls now: {use.running_count} of {use.desired_count} tasks run"
        case "scaled-out" as kind:
            return f"service {use.name} {IN_WORDS[kind]}"
        case "deployed" as kind:
            return f"service {use.name} ({use.running_count} running) {IN_WORDS[kind]}"
        case kind:
            assert_never(kind)
