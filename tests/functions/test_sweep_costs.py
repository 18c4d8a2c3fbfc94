"""What a sweep and its validations cost of ECS's quota for task definitions: each family is described once."""

import json
from collections import Counter

import pytest

from pullguard.store.task_definitions import TaskDefinitionStore
from tests.functions.account import QUEUES, Account
from tests.functions.stack import Stack
from tests.functions.world import allow, create_role, create_secret, register

SCHEDULED = json.dumps({"detail-type": "Scheduled Event", "id": "e-1"})
FAMILIES, A_PAGE, PAGES = 23, 10, 3


@pytest.fixture
def account(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account of healthy families, most of them with one revision."""
    secret, role = create_secret(stack), create_role(stack)
    allow(stack, secret)
    for number in range(FAMILIES):
        register(stack, secret, role=role, family=f"f-{number:03}")
    return Account(stack, monkeypatch, page=A_PAGE)


def sweep(account: Account, event: str = SCHEDULED) -> None:
    account.send("SweepQueue", event)
    account.run({queue: account.function(name) for queue, name in QUEUES.items()})


def of_task_definitions(account: Account) -> Counter[str]:
    return Counter({name: many for name, many in account.calls.items() if "TaskDefinition" in name})


def completed(account: Account) -> str | None:
    complete = TaskDefinitionStore(account.stack.client("dynamodb"), "ledger").complete()
    return complete["sweep"] if complete else None


def test_each_family_is_described_once_by_the_sweep_and_its_validations_together(account: Account) -> None:
    for number in range(2):  # the second sweep finds a ledger in which all are known
        account.calls.clear()
        sweep(account, json.dumps({"detail-type": "Scheduled Event", "id": f"e-{number}"}))
        assert of_task_definitions(account) == {
            "DescribeTaskDefinition": FAMILIES,
            "ListTaskDefinitionFamilies": PAGES,
        }
        assert completed(account) == f"e-{number}"
    assert account.dead == []


def test_a_broken_newest_revision_costs_no_further_description(account: Account) -> None:
    account.stack.client("iam").delete_role_policy(RoleName="web-execution", PolicyName="registry")
    sweep(account)
    assert of_task_definitions(account)["DescribeTaskDefinition"] == FAMILIES
    assert completed(account) == "e-1"


def test_an_older_revision_in_use_costs_two_descriptions_and_the_newest_in_use_none(account: Account) -> None:
    ecs = account.stack.client("ecs")
    older = ecs.describe_task_definition(taskDefinition="f-000")["taskDefinition"]
    register(account.stack, create_secret(account.stack, "other"), role=older["executionRoleArn"], family="f-000")
    ecs.create_cluster(clusterName="main")
    for family in ("f-000:1", "f-001:1"):
        ecs.create_service(cluster="main", serviceName=family[:5], taskDefinition=family, desiredCount=0)
    sweep(account)
    assert of_task_definitions(account)["DescribeTaskDefinition"] == FAMILIES + 2  # its own and, again, its family's
    assert completed(account) == "e-1"
