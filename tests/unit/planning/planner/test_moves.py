"""Services of a broken revision: moved to its successor, or left to their owners."""

import pytest

from pullguard.domain.usage import Usage
from tests.fakes import container, role, service
from tests.unit.planning.planner.scene import NEW, OLD, SUCCESSOR, Case, check_plan, check_refusals, move, world

CASES = {
    "its-successor-exists-and-services-may-be-moved": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(reads=[NEW]),
            running=Usage(newest=False, successor=SUCCESSOR, services=(service("b"), service("a"))),
        ),
        (move("a"), move("b")),
        rules={"move_services": True},
    ),
    "its-successor-exists-and-services-may-not-be-moved": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(reads=[NEW]),
            running=Usage(newest=False, successor=SUCCESSOR, services=(service(),)),
        ),
        refused=(("move-service", "MoveServices is off"),),
    ),
    "its-successor-exists-and-nothing-runs-it-any-more": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(reads=[NEW]),
            running=Usage(newest=False, successor=SUCCESSOR),
        ),
        rules={"move_services": True},
    ),
    "a-service-of-codedeploy-is-not-moved": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(reads=[NEW]),
            running=Usage(
                newest=False, successor=SUCCESSOR, services=(service("a"), service("b", controller="CODE_DEPLOY"))
            ),
        ),
        (move("a"),),
        refused=(("move-service", "AWS CodeDeploy deploys this service"),),
        rules={"move_services": True},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_plan(case: Case) -> None:
    check_plan(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.refused])
def test_a_refusal_says_what_its_owner_would_do(name: str) -> None:
    check_refusals(CASES[name])
