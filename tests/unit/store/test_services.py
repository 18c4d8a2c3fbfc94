"""Which service runs what, and when it pulls next."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.store.ledger import Ledger
from pullguard.store.services import Kept, ServiceStore, by_task_definition
from tests.fakes import revision_arn, service

WEB, API = str(revision_arn("web")), str(revision_arn("api"))
PULLS: dict[str, tuple[dict[str, int], str]] = {
    "tasks-are-missing": ({"desired_count": 2, "running_count": 1}, "now"),
    "all-tasks-run": ({"desired_count": 2, "running_count": 2}, "deployed"),
    "scaled-to-zero": ({"desired_count": 0, "running_count": 0}, "scaled-out"),
}


@pytest.fixture
def services(ledger: Ledger) -> ServiceStore:
    return ServiceStore(ledger.entries._client, "ledger")


@pytest.mark.parametrize(("counts", "next_pull"), PULLS.values(), ids=PULLS)
def test_a_service_is_kept_with_its_next_pull(services: ServiceStore, counts: dict[str, Any], next_pull: Any) -> None:
    services.keep("s-1", Kept.of(replace(service(), **counts)))
    assert services.known() == {"s-1": Kept(task_definition=WEB, next_pull=next_pull)}


def test_a_service_is_known_until_it_is_forgotten_and_runs_what_was_kept_last(services: ServiceStore) -> None:
    services.keep("s-1", Kept(task_definition=WEB))
    services.keep("s-2", Kept(task_definition=WEB))
    services.keep("s-1", Kept(task_definition=API))
    assert services.known() == {"s-1": Kept(task_definition=API), "s-2": Kept(task_definition=WEB)}
    services.forget("s-1")
    services.forget("s-9")
    assert services.known() == {"s-2": Kept(task_definition=WEB)}


DATA: dict[str, tuple[Any, Kept]] = {
    "an-arn-alone-as-kept-long-ago": (WEB, Kept(task_definition=WEB)),
    "an-object": ({"task_definition": WEB, "next_pull": "now"}, Kept(task_definition=WEB, next_pull="now")),
    "members-of-a-later-version": ({"task_definition": WEB, "later": 1}, Kept(task_definition=WEB)),
}


@pytest.mark.parametrize(("data", "kept"), DATA.values(), ids=DATA)
def test_data_of_other_versions_is_read(data: Any, kept: Kept) -> None:
    assert Kept.from_data(data) == kept


def test_data_without_a_task_definition_is_malformed() -> None:
    with pytest.raises(ValueError, match="task_definition"):
        Kept.from_data({"next_pull": "now"})


def test_services_are_grouped_by_what_they_run() -> None:
    kept = {"s-3": WEB, "s-1": WEB, "s-2": API}
    services = {name: Kept(task_definition=arn) for name, arn in kept.items()}
    assert by_task_definition(services) == {WEB: ["s-1", "s-3"], API: ["s-2"]}
    assert by_task_definition({}) == {}
