"""Which service runs what, when it pulls next, and where the revisions of a family may run."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.errors import MalformedItem
from pullguard.domain.usage import Places, ServiceUse, TaskUse
from pullguard.store.ledger import Ledger
from pullguard.store.services import NOT_LISTED, Kept, ServiceStore, by_task_definition
from tests.fakes import ACCOUNT, CLUSTER, NOW, REGION, revision_arn, service

WEB, API = str(revision_arn("web")), str(revision_arn("api"))
MAIN, BLUE = Arn.parse(CLUSTER), Arn.parse(f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/blue")
PULLS: dict[str, tuple[dict[str, int], str]] = {
    "tasks-are-missing": ({"desired_count": 2, "running_count": 1}, "now"),
    "all-tasks-run": ({"desired_count": 2, "running_count": 2}, "deployed"),
    "scaled-to-zero": ({"desired_count": 0, "running_count": 0}, "scaled-out"),
}


@pytest.fixture
def services(ledger: Ledger) -> ServiceStore:
    return ServiceStore(ledger.entries._client, "ledger", now=lambda: NOW)


def arn(name: str) -> str:
    return service(name).service_arn


def task(family: str, cluster: str = CLUSTER) -> TaskUse:
    return TaskUse(cluster_arn=cluster, task_arn="arn:t", task_definition=str(revision_arn(family)))


def sweep(services: ServiceStore, *found: ServiceUse, tasks: Iterable[TaskUse] = ()) -> None:
    services.keep_listed(services.rows(), found, tasks, now=NOW)


# --- What each service runs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("counts", "next_pull"), PULLS.values(), ids=PULLS)
def test_a_service_is_kept_with_its_next_pull(services: ServiceStore, counts: dict[str, Any], next_pull: Any) -> None:
    services.keep(arn("s-1"), Kept.of(replace(service(), **counts)))
    assert services.known() == {arn("s-1"): Kept(task_definition=WEB, next_pull=next_pull)}


def test_a_service_runs_what_was_kept_last(services: ServiceStore) -> None:
    services.keep(arn("s-1"), Kept(task_definition=WEB))
    services.keep(arn("s-2"), Kept(task_definition=WEB))
    services.keep(arn("s-1"), Kept(task_definition=API))
    assert services.known() == {arn("s-1"): Kept(task_definition=API), arn("s-2"): Kept(task_definition=WEB)}


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


# --- What a sweep stores -----------------------------------------------------------------------------------------


def test_nothing_is_known_until_a_sweep_has_listed_all_services(services: ServiceStore) -> None:
    """The items of an earlier version say nothing about families, and events only add to what is known."""
    services.keep(arn("web"), Kept(task_definition=WEB))
    services.point("web", Arn.parse(arn("web")), now=NOW)
    assert services.not_listed() == NOT_LISTED
    sweep(services)
    assert services.not_listed() is None


def test_a_sweep_stores_each_service_for_all_families_that_it_runs(services: ServiceStore) -> None:
    beside = replace(service("web"), task_definition=API, beside=True)
    sweep(services, service("web"), beside, replace(service("admin"), task_definition=API))
    assert services.places("web").services == {Arn.parse(arn("web"))}
    assert services.places("api").services == {Arn.parse(arn("admin")), Arn.parse(arn("web"))}
    assert {name: each.task_definition for name, each in services.known().items()} == {
        arn("admin"): API,
        arn("web"): WEB,
    }


def test_a_family_is_not_taken_for_another_that_its_name_begins(services: ServiceStore) -> None:
    sweep(services, replace(service("s"), task_definition=str(revision_arn("web-admin"))))
    assert services.places("web") == Places()


def test_a_sweep_stores_the_clusters_of_tasks_that_no_service_leads_to(services: ServiceStore) -> None:
    sweep(services, service("web"), tasks=(task("web"), task("web", str(BLUE)), task("job", str(BLUE))))
    assert services.places("web").clusters == {MAIN, BLUE}
    assert services.places("job") == Places(clusters=frozenset({BLUE}))
    keys = [each for each in services.rows() if ":cluster/" in each]
    assert keys == [f"FAMILY#job {BLUE}", f"FAMILY#web {BLUE}"]


def test_an_old_service_is_stored_with_its_cluster(services: ServiceStore) -> None:
    short = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/web"
    services.keep(short, Kept(task_definition=WEB))  # as an earlier version did
    sweep(services, replace(service("web"), service_arn=short))
    assert services.places("web").services == {Arn.parse(arn("web"))}
    assert list(services.known()) == [arn("web")]


def test_the_next_sweep_replaces_everything_and_writes_only_what_has_changed(
    services: ServiceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.keep("arn:an-earlier-one", Kept(task_definition=WEB))
    services._put("SERVICES", "FAMILY#web malformed", 7)
    sweep(services, service("web"), service("admin"), tasks=(task("job"),))
    assert services.rows().keys() == {
        *(arn("admin"), arn("web"), f"FAMILY#web {arn('admin')}", f"FAMILY#web {arn('web')}"),
        *(f"FAMILY#job {CLUSTER}", "LISTED"),
    }
    put, written = ServiceStore._put, list[str]()

    def noted(self: ServiceStore, partition: str, sort: str, *args: Any, **named: Any) -> bool:
        written.append(sort)
        return put(self, partition, sort, *args, **named)

    monkeypatch.setattr(ServiceStore, "_put", noted)
    sweep(services, service("web"), replace(service("admin"), task_definition=API))
    assert sorted(written) == sorted([arn("admin"), f"FAMILY#api {arn('admin')}", "LISTED"])
    assert services.places("web").services == {Arn.parse(arn("web"))}
    assert services.places("job") == Places()


def test_an_item_that_an_event_stores_during_a_sweep_stays(services: ServiceStore) -> None:
    """The sweep has listed the service before it was moved, and deletes only what is as it was before."""
    web = Arn.parse(arn("web"))
    services.point("api", web, now=NOW)
    services.point("job", MAIN, now=NOW)
    before = services.rows()
    services.point("api", web, now=NOW + timedelta(minutes=16))
    services.point("new", web, now=NOW + timedelta(minutes=16))
    services.keep_listed(before, (service("web"),), (), now=NOW + timedelta(minutes=15))
    assert [bool(services.places(family).services) for family in ("api", "new", "web")] == [True, True, True]
    assert services.places("job") == Places()


def test_an_item_that_an_event_stored_just_before_a_sweep_stays(services: ServiceStore) -> None:
    """The lists of ECS show a new service late."""
    new = Arn.parse(arn("new"))
    services.point("web", new, now=NOW)
    services.keep_listed(services.rows(), (), (), now=NOW + timedelta(minutes=14))
    assert services.places("web").services == {new}
    services.keep_listed(services.rows(), (), (), now=NOW + timedelta(minutes=15))
    assert services.places("web") == Places()


@pytest.mark.parametrize(("hours", "known"), [(48, True), (49, False)])
def test_a_listing_counts_for_two_days(services: ServiceStore, hours: int, *, known: bool) -> None:
    services.keep_listed({}, (), (), now=NOW - timedelta(hours=hours))
    assert (services.not_listed() is None) is known


# --- What events store -------------------------------------------------------------------------------------------


def test_an_event_adds_a_place(services: ServiceStore) -> None:
    sweep(services, service("web"))
    services.point("web", Arn.parse(arn("admin")), now=NOW)
    services.point("web", BLUE, now=NOW)
    assert services.places("web") == Places.of((Arn.parse(arn("admin")), Arn.parse(arn("web")), BLUE))


@pytest.mark.parametrize("place", ["x", f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/web", WEB, "arn:aws:s3:::cluster/a"])
def test_a_place_that_cannot_be_read_is_not_left_out(services: ServiceStore, place: str) -> None:
    sweep(services, service("web"))
    services._put("SERVICES", f"FAMILY#web {place}", None)
    with pytest.raises(MalformedItem):
        services.places("web")


# --- What alerts read --------------------------------------------------------------------------------------------


@pytest.fixture
def all_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often the whole partition was read."""
    known, read = ServiceStore.known, list[str]()

    def noted(self: ServiceStore) -> dict[str, Kept]:
        read.append("all")
        return known(self)

    monkeypatch.setattr(ServiceStore, "known", noted)
    return read


def test_the_services_of_a_few_families_are_read_alone(services: ServiceStore, all_read: list[str]) -> None:
    sweep(services, service("web"), *(replace(service(f"s-{each}"), task_definition=API) for each in range(3)))
    services.point("web", Arn.parse(arn("unkept")), now=NOW)
    assert services.of_families(["web", "job", "web"]) == {
        arn("web"): Kept(task_definition=WEB, next_pull="scaled-out")
    }
    assert all_read == []


def test_a_service_that_was_moved_to_another_family_is_named_with_that(services: ServiceStore) -> None:
    sweep(services, service("web"))
    services.keep(arn("web"), Kept(task_definition=API))
    assert services.of_families(["web"]) == {arn("web"): Kept(task_definition=API)}


@pytest.mark.parametrize("reason", ["many-families", "many-services", "not-listed"])
def test_all_services_are_read_where_that_costs_less_or_families_are_not_known(
    services: ServiceStore, all_read: list[str], reason: str
) -> None:
    names = [f"s-{each}" for each in range(101 if reason == "many-services" else 1)]
    if reason == "not-listed":
        services.keep(arn("s-0"), Kept(task_definition=WEB))
    else:
        sweep(services, *map(service, names))
    families = [f"f-{each}" for each in range(26)] if reason == "many-families" else ["web"]
    assert services.of_families(families).keys() == {arn(each) for each in names}
    assert all_read == ["all"]
