"""The uses of revisions: only what the ledger knows of a family is described, and the batch shares the calls."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any
from unittest.mock import MagicMock

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from pullguard.aws.clients import Clients
from pullguard.aws.readers import AwsReaders
from pullguard.domain.arn import Arn
from pullguard.domain.errors import MalformedItem
from pullguard.domain.facts import Facts
from pullguard.domain.lookup import TASKS_NOT_ASKED, USAGE_NOT_ASKED, Lookup, NotAsked, Unreadable
from pullguard.domain.task_definition import TaskDefinition
from pullguard.domain.usage import Places, Usage, service_in
from pullguard.planning.scope import in_scope, is_certain
from pullguard.store.services import NOT_LISTED
from tests.fakes import NOW, REGION, secret_arn

MOTO = "123456789012"  # the account of moto
MAIN, OTHER = (Arn.parse(f"arn:aws:ecs:{REGION}:{MOTO}:cluster/{name}") for name in ("main", "other"))


@dataclass
class Known:
    """The places of each family, as the ledger knows them; ``asked`` are the families that were asked for."""

    families: dict[str, Places] = field(default_factory=dict)
    unknown: NotAsked | None = None
    malformed: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    def not_listed(self) -> NotAsked | None:
        return self.unknown

    def places(self, family: str) -> Places:
        self.asked.append(family)
        if family in self.malformed:
            raise MalformedItem("SERVICES", f"FAMILY#{family} x", "Malformed")
        return self.families.get(family, Places())

    def add(self, family: str, *services: str, cluster: Arn = MAIN) -> None:
        known = self.families.get(family, Places())
        self.families[family] = Places.of(
            (*known.services, *known.clusters, *(service_in(cluster, each) for each in services))
        )

    def saw_tasks(self, family: str, cluster: Arn = MAIN) -> None:
        known = self.families.get(family, Places())
        self.families[family] = replace(known, clusters=known.clusters | {cluster})


@dataclass
class Account:
    """An account on moto, what the ledger knows of it, and a batch of questions about it."""

    client: Any
    known: Known = field(default_factory=Known)
    calls: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)
    called: Callable[[dict[str, Any]], object] = lambda _: None

    def register(self, family: str, *, bare: bool = False) -> None:
        credentials = {"repositoryCredentials": {"credentialsParameter": str(secret_arn())}}
        container = {"name": "app", "image": "ghcr.io/acme/app:1", "memory": 64, **({} if bare else credentials)}
        self.client.register_task_definition(
            family=family, networkMode="awsvpc", cpu="256", memory="512", containerDefinitions=[container]
        )

    def serve(self, family: str, *names: str, runs: str | None = None, cluster: str = "main") -> None:
        """Run services, which the ledger knows as services of ``family``."""
        for name in names:
            self.client.create_service(cluster=cluster, serviceName=name, taskDefinition=runs or family, desiredCount=0)
            self.known.add(family, name, cluster=Arn.parse(f"arn:aws:ecs:{REGION}:{MOTO}:cluster/{cluster}"))

    def run(self, definition: str) -> None:
        ec2 = boto3.client("ec2", region_name=REGION)
        subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
        network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}}
        self.client.run_task(
            cluster="main", taskDefinition=definition, launchType="FARGATE", networkConfiguration=network
        )

    def readers(self, *expected: str) -> AwsReaders:
        """Return the readers of a new batch."""
        self.calls.clear()
        clients = Clients(region=REGION)
        clients.get("ecs").meta.events.register("before-call.ecs", self._count)
        readers = AwsReaders(clients, account=MOTO, values="never", places=self.known)
        readers.expect(expected)
        return readers

    def _count(self, model: Any, params: Any, **_: Any) -> None:
        self.calls.update([model.name])
        self.called(json.loads(params["body"]))
        if code := self.refused.get(model.name):
            raise ClientError({"Error": {"Code": code}}, model.name)

    def usage(self, reference: str, readers: AwsReaders | None = None, *, tasks: bool = False) -> Lookup[Usage]:
        """Ask where a revision runs, in a batch of its own unless ``readers`` are given."""
        return self.about(reference, readers, tasks=tasks).usage

    def about(self, reference: str, readers: AwsReaders | None = None, *, tasks: bool = False) -> Facts:
        readers = readers or self.readers()
        definition = readers.task_definition(revision(reference))
        assert isinstance(definition, TaskDefinition)
        usage = readers.usage(definition, tasks=tasks)
        return Facts(task_definition=definition, now=NOW, role=None, organization=None, usage=usage)


def revision(reference: str) -> str:
    return f"arn:aws:ecs:{REGION}:{MOTO}:task-definition/{reference}"


def found(usage: Lookup[Usage]) -> Usage:
    assert isinstance(usage, Usage), usage
    return usage


def served_by(usage: Lookup[Usage]) -> list[str]:
    return [use.name for use in found(usage).services]


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        client = boto3.client("ecs", region_name=REGION)
        for name in ("main", "other"):
            client.create_cluster(clusterName=name)
        yield Account(client)


# --- What it costs -----------------------------------------------------------------------------------------------


def test_the_newest_revision_costs_one_description_of_its_family_and_one_of_its_services(account: Account) -> None:
    account.register("web")
    account.serve("web", "web", "admin")
    for number in range(30):  # others' services are not in the way
        account.client.create_service(cluster="main", serviceName=f"s-{number}", taskDefinition="web", desiredCount=0)
    usage = account.usage("web:1")
    assert (served_by(usage), found(usage).newest) == (["admin", "web"], True)
    assert account.calls == {"DescribeTaskDefinition": 1, "DescribeServices": 1}


def test_an_older_revision_that_a_service_runs_costs_one_description_more(account: Account) -> None:
    account.register("web")
    account.register("web")
    account.serve("web", "web", runs="web:1")
    usage = account.usage("web:1")
    assert (served_by(usage), found(usage).newest) == (["web"], False)
    assert account.calls == {"DescribeTaskDefinition": 2, "DescribeServices": 1}


@pytest.mark.parametrize(("families", "services", "calls"), [(10, 1, 1), (7, 3, 3), (2, 11, 3), (1, 25, 3)])
def test_the_families_of_a_batch_share_the_calls(account: Account, families: int, services: int, calls: int) -> None:
    names = [f"family-{number}" for number in range(families)]
    for family in names:
        account.register(family)
        account.serve(family, *(f"{family}-{number:02}" for number in range(services)))
    readers = account.readers(*names)
    for family in names:
        assert len(served_by(account.usage(f"{family}:1", readers))) == services
    assert account.calls == {"DescribeTaskDefinition": families, "DescribeServices": calls}


def test_threads_share_the_calls(account: Account) -> None:
    names = [f"family-{number}" for number in range(10)]
    for family in names:
        account.register(family)
        account.serve(family, family)
    readers = account.readers(*names)
    with ThreadPoolExecutor(5) as threads:
        usages = threads.map(lambda family: account.usage(f"{family}:1", readers), names)
        assert [served_by(each) for each in usages] == [[family] for family in names]
    assert account.calls == {"DescribeTaskDefinition": 10, "DescribeServices": 1}


def test_a_cluster_that_does_not_answer_delays_no_other(account: Account) -> None:
    for family, cluster in (("web", "main"), ("api", "other")):
        account.register(family)
        account.serve(family, family, cluster=cluster)
    asked, answers = Event(), Event()

    def hang(call: dict[str, Any]) -> None:
        if call.get("services") == ["web"]:
            asked.set()
            assert answers.wait(60)

    account.called = hang
    readers = account.readers("web", "api")
    with ThreadPoolExecutor(1) as threads:
        web = threads.submit(account.usage, "web:1", readers)
        assert asked.wait(60)
        assert served_by(account.usage("api:1", readers)) == ["api"]
        assert not web.done()
        answers.set()
        assert served_by(web.result()) == ["web"]


def test_a_call_has_no_room_for_families_that_the_batch_does_not_name_or_other_clusters(account: Account) -> None:
    for family, cluster in (("web", "main"), ("api", "other"), ("job", "main")):
        account.register(family)
        account.serve(family, family, cluster=cluster)
    readers = account.readers("web", "api")
    for family in ("web", "api", "job"):
        assert served_by(account.usage(f"{family}:1", readers)) == [family]
    assert account.calls["DescribeServices"] == 3


class ThreeHundred:
    """In the place of ECS's client: 300 families with one service each, and a count of the calls."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.meta: Any = MagicMock()

    def describe_task_definition(self, *, taskDefinition: str, include: list[str]) -> dict[str, Any]:  # noqa: N803
        self.calls["DescribeTaskDefinition"] += 1
        name = taskDefinition if ":" in taskDefinition else f"{taskDefinition}:1"
        definition = {"family": name.partition(":")[0], "revision": 1, "status": "ACTIVE", "containerDefinitions": []}
        return {"taskDefinition": {"taskDefinitionArn": revision(name), **definition}}

    def describe_services(self, *, cluster: str, services: tuple[str, ...], include: list[str]) -> dict[str, Any]:
        assert (cluster, len(services)) == (str(MAIN), 10)
        self.calls["DescribeServices"] += 1
        return {
            "services": [
                {
                    "serviceArn": str(service_in(MAIN, name)),
                    "serviceName": name,
                    "status": "ACTIVE",
                    "taskDefinition": revision(f"{name}:1"),
                }
                for name in services
            ]
        }


def test_three_hundred_services_that_break_together_cost_at_most_two_calls_each() -> None:
    client, families = ThreeHundred(), [f"family-{number}" for number in range(300)]
    known = Known()
    for family in families:
        known.add(family, family)
    clients: Any = type("Clients", (), {"get": lambda *_: client})()
    for first in range(0, 300, 10):
        batch = families[first : first + 10]
        readers = AwsReaders(clients, account=MOTO, values="never", places=known)
        readers.expect(batch)
        for family in batch:
            assert served_by(Account(client).usage(f"{family}:1", readers)) == [family]
    assert client.calls == {"DescribeTaskDefinition": 300, "DescribeServices": 30}


def test_each_family_and_revision_is_asked_about_once(account: Account) -> None:
    account.register("web")
    account.serve("web", "web")
    readers = account.readers("web")
    assert account.usage("web:1", readers) is account.usage("web:1", readers)
    assert account.known.asked == ["web"]


# --- Tasks -------------------------------------------------------------------------------------------------------


def test_tasks_are_not_listed_where_services_decide(account: Account) -> None:
    account.register("web")
    account.serve("web", "web")
    usage = found(account.usage("web:1"))
    assert (usage.tasks, usage.failed_starts) == (TASKS_NOT_ASKED, TASKS_NOT_ASKED)
    assert (usage.has_pulled, usage.last_started_at) == (False, None)


@pytest.mark.parametrize("reason", ["asked-for", "bare-container", "older-without-a-service"])
def test_tasks_are_listed_in_the_clusters_of_the_family_where_they_may_decide(account: Account, reason: str) -> None:
    account.register("web", bare=reason == "bare-container")
    account.run("web:1")
    if reason == "older-without-a-service":
        account.register("web")
    account.known.saw_tasks("web")
    usage = found(account.usage("web:1", tasks=reason == "asked-for"))
    assert isinstance(usage.tasks, tuple)
    assert ([use.task_definition for use in usage.tasks], usage.failed_starts) == ([revision("web:1")], ())
    assert account.calls["ListTasks"] == 2  # running and stopped ones, in one of the two clusters
    assert account.calls["ListClusters"] == account.calls["ListServices"] == 0


def test_the_revisions_of_a_family_share_its_tasks(account: Account) -> None:
    for _ in range(3):
        account.register("web")
    account.run("web:2")
    account.known.saw_tasks("web")
    readers = account.readers()
    assert [in_scope(account.about(f"web:{number}", readers)) for number in (1, 2, 3)] == [False, True, True]
    assert account.calls["ListTasks"] == 2


def test_a_family_that_runs_nowhere_costs_no_call_for_its_tasks(account: Account) -> None:
    account.register("web", bare=True)
    usage = found(account.usage("web:1"))
    assert (usage.tasks, usage.failed_starts) == ((), ())
    assert account.calls == {"DescribeTaskDefinition": 1}


def test_failed_starts_are_those_of_the_revision() -> None:
    client: Any = boto3.client("ecs", region_name=REGION)
    start = {"stopCode": "TaskFailedToStart", "stoppedAt": NOW, "stoppedReason": "unauthorized", "containers": []}
    tasks = [{"taskArn": f"arn:t/{each}", "taskDefinitionArn": revision(f"web:{each}"), **start} for each in (1, 2)]
    described = {"taskDefinitionArn": revision("web:2"), "family": "web", "revision": 2, "status": "ACTIVE"}
    known = Known({"web": Places(clusters=frozenset({MAIN}))})
    clients: Any = type("Clients", (), {"get": lambda *_: client})()
    with Stubber(client) as stubber:
        stubber.add_response("describe_task_definition", {"taskDefinition": {**described, "containerDefinitions": []}})
        stubber.add_response("list_tasks", {"taskArns": []})
        asked = {"cluster": str(MAIN), "family": "web", "desiredStatus": "STOPPED"}
        stubber.add_response("list_tasks", {"taskArns": [each["taskArn"] for each in tasks]}, asked)
        stubber.add_response("describe_tasks", {"tasks": tasks})
        usage = Account(client).usage(
            "web:2", AwsReaders(clients, account=MOTO, values="never", places=known), tasks=True
        )
        stubber.assert_no_pending_responses()
    assert isinstance(found(usage).failed_starts, tuple)
    assert [each.task_arn for each in found(usage).failed_starts] == ["arn:t/2"]  # type: ignore[union-attr]


# --- What is not known -------------------------------------------------------------------------------------------


def test_before_a_sweep_has_listed_what_runs_no_revision_counts_as_unused(account: Account) -> None:
    """Also after an upgrade, until the next sweep. Services that events have reported by then are found."""
    for family in ("web", "web", "api"):
        account.register(family)
    account.serve("web", "web", runs="web:2")
    account.run("web:1")
    account.known.unknown = NOT_LISTED
    for reference, services in (("web:1", []), ("web:2", ["web"]), ("api:1", [])):
        facts = account.about(reference, tasks=True)
        usage = found(facts.usage)
        assert (usage.newest, served_by(usage)) == (reference != "web:1", services)
        assert (usage.tasks, usage.failed_starts, usage.has_pulled) == (NOT_LISTED, (), False)
        assert (in_scope(facts), is_certain(facts)) == (True, True)


def test_without_a_ledger_nothing_is_asked(account: Account) -> None:
    account.register("web")
    readers = AwsReaders(Clients(region=REGION), account=MOTO, values="never")
    readers.expect(("web",))
    assert account.usage("web:1", readers) == USAGE_NOT_ASKED


@pytest.mark.parametrize("operation", ["DescribeServices", "ListTasks"])
def test_a_refused_call_leaves_the_use_unknown(account: Account, operation: str) -> None:
    account.register("web")
    account.register("web")
    account.serve("web", "web")
    account.refused = {operation: "AccessDeniedException"}
    facts = account.about("web:1")
    assert isinstance(facts.usage, Unreadable)
    assert facts.usage.permission == f"ecs:{operation}"
    assert (in_scope(facts), is_certain(facts)) == (True, False)


def test_a_family_that_cannot_be_described_leaves_the_use_unknown() -> None:
    """Its revision may be the newest: without services it would otherwise count as out of use."""
    client: Any = boto3.client("ecs", region_name=REGION)
    clients: Any = type("Clients", (), {"get": lambda *_: client})()
    described = {"taskDefinitionArn": revision("web:2"), "family": "web", "revision": 2, "status": "ACTIVE"}
    with Stubber(client) as stubber:
        stubber.add_client_error("describe_task_definition", "AccessDeniedException")
        stubber.add_response("describe_task_definition", {"taskDefinition": {**described, "containerDefinitions": []}})
        usage = Account(client).usage("web:2", AwsReaders(clients, account=MOTO, values="never", places=Known()))
    assert isinstance(usage, Unreadable)
    assert usage.permission == "ecs:DescribeTaskDefinition"


def test_a_malformed_item_leaves_the_use_of_its_family_unknown_and_that_of_no_other(account: Account) -> None:
    for family in ("api", "web"):
        account.register(family)
        account.serve(family, family)
    account.known.malformed = frozenset({"api"})
    readers = account.readers("api", "web")
    assert served_by(account.usage("web:1", readers)) == ["web"]
    facts = account.about("api:1", readers)
    assert isinstance(facts.usage, Unreadable)
    assert (in_scope(facts), is_certain(facts)) == (True, False)


# --- What has changed since --------------------------------------------------------------------------------------


def test_a_service_that_runs_another_family_now_does_not_count(account: Account) -> None:
    account.register("web")
    account.register("api")
    account.serve("web", "shop", runs="api")
    assert served_by(account.usage("web:1")) == []


def gone_service(account: Account) -> None:
    account.known.add("web", "gone")


def gone_cluster(account: Account) -> None:
    account.known.add("web", "gone", cluster=replace(MAIN, resource="cluster/gone"))


@pytest.mark.parametrize("arrange", [gone_service, gone_cluster])
def test_a_deleted_place_hides_no_other(account: Account, arrange: Callable[[Account], None]) -> None:
    account.register("web")
    account.serve("web", "web")
    arrange(account)
    assert served_by(account.usage("web:1", tasks=True)) == ["web"]


def test_a_deregistered_revision_is_not_the_newest_although_no_other_is_there(account: Account) -> None:
    account.register("web")
    account.client.deregister_task_definition(taskDefinition="web:1")
    usage = found(account.usage("web:1"))
    assert (usage.newest, usage.services, usage.tasks) == (False, (), ())
