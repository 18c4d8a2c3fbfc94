"""Whom an incident hits: services, and task definitions that no service runs."""

import pytest

from pullguard.incidents import Dependent, dependents_of, together
from tests.fakes import revision_arn, service


def test_together_are_each_once_and_found_where_either_says_so() -> None:
    def runs(family: str, number: int, *, found: bool, name: str = "a") -> Dependent:
        arn = str(revision_arn(family, number))
        return Dependent(arn=service(name).service_arn if name else arn, task_definition=arn, found=found)

    reported = (runs("web", 7, found=False), runs("api", 1, found=True, name=""))
    others = (
        runs("web", 8, found=True),  # the same service, which has moved on since
        runs("job", 1, found=True),  # of another family by now
        runs("api", 1, found=False, name=""),
        runs("api", 2, found=True, name=""),
    )
    assert together(reported, others) == (runs("web", 7, found=True), reported[1], others[1], others[3])
    assert together((), reported) == reported


def test_dependents_are_services_then_task_definitions_and_no_old_revision_that_nothing_runs() -> None:
    web6, web7, api, old, run = (
        str(revision_arn(family, number))
        for family, number in (("web", 6), ("web", 7), ("api", 10), ("api", 9), ("job", 1))
    )
    services = {web7: [service("b").service_arn, service("a").service_arn], old: [service("c").service_arn]}
    hit = dependents_of([web7], [web6, web7, api, old, run], services)
    assert [(each.arn.rpartition("/")[2], each.task_definition.rpartition("/")[2], each.found) for each in hit] == [
        ("a", "web:7", True),
        ("b", "web:7", True),
        ("api:10", "api:10", False),
        ("c", "api:9", False),
        ("job:1", "job:1", False),
    ]


WEB, OLD, API = (str(revision_arn(*each)) for each in (("web", 7), ("web", 6), ("api", 1)))
SERVICE = service("shop").service_arn


@pytest.mark.parametrize(
    ("dependent", "kept"),
    [
        (Dependent(arn=WEB, task_definition=WEB), [WEB, WEB, True]),
        (Dependent(arn=SERVICE, task_definition=WEB, found=False), [SERVICE, WEB, False]),
    ],
    ids=["task-definition", "service"],
)
def test_a_dependent_is_kept_as_a_list_and_comes_back(dependent: Dependent, kept: list[object]) -> None:
    assert dependent.to_list() == kept
    assert Dependent.from_list(kept) == dependent
    assert dependent.is_service is (dependent.arn == SERVICE)


def test_the_next_pull_is_not_kept() -> None:
    dependent = Dependent(arn=SERVICE, task_definition=WEB, next_pull="scale-out")
    assert Dependent.from_list(dependent.to_list()).next_pull == ""


@pytest.mark.parametrize("kept", [[], [WEB], [WEB, WEB], [WEB, WEB, True, "more"]], ids=len)
def test_a_list_of_another_length_is_no_dependent(kept: list[object]) -> None:
    with pytest.raises(ValueError, match="values to unpack"):
        Dependent.from_list(kept)


HIT: dict[str, tuple[list[str], list[str], dict[str, list[str]], list[tuple[str, bool]]]] = {
    "nothing": ([], [], {}, []),
    "an-old-revision-that-fails-is-hit": ([OLD], [], {}, [(OLD, True)]),
    "an-old-revision-that-references-is-not": ([], [OLD, WEB], {}, [(WEB, False)]),
    "an-old-revision-that-a-service-runs-is": ([], [OLD, WEB], {OLD: [SERVICE]}, [(SERVICE, False), (WEB, False)]),
    "failing-and-referencing-is-failing": ([WEB], [WEB], {}, [(WEB, True)]),
    "failing-twice-is-once": ([WEB, WEB], [API, API], {}, [(WEB, True), (API, False)]),
    "a-failing-newer-one-outdates-an-older-reference": ([WEB], [OLD], {}, [(WEB, True)]),
    "no-service-is-listed": ([WEB], [], {WEB: []}, [(WEB, True)]),
}


@pytest.mark.parametrize(("failing", "referencing", "services", "expected"), HIT.values(), ids=HIT)
def test_dependents_are_the_affected_services_and_task_definitions(
    failing: list[str], referencing: list[str], services: dict[str, list[str]], expected: list[tuple[str, bool]]
) -> None:
    assert [(each.arn, each.found) for each in dependents_of(failing, referencing, services)] == expected


def test_a_revision_is_newer_by_its_number_and_not_by_its_letters() -> None:
    ninth, tenth = str(revision_arn("web", 9)), str(revision_arn("web", 10))
    assert [each.arn for each in dependents_of([], [tenth, ninth, "web:x"], {})] == [tenth, "web:x"]


def test_each_service_knows_what_makes_it_pull_next() -> None:
    other = service("other").service_arn
    hit = dependents_of([WEB], [], {WEB: [SERVICE, other]}, {SERVICE: "deployment"})
    assert {each.arn: each.next_pull for each in hit} == {SERVICE: "deployment", other: ""}
