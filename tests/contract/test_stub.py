"""The stub of benchmarks/load.py and benchmarks/audit.py answers as AWS does, and its ledger as DynamoDB does."""

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks import stub
from benchmarks.ledger import Ledger, holds
from benchmarks.stub import DEFINITIONS, World, served, taken
from pullguard.aws.clients import Clients
from pullguard_cli.connection import Connection
from pullguard_cli.run_audit import Auditor
from pullguard_cli.scope import Scope
from tests.conftest import LOOPBACK

pytestmark = pytest.mark.allow_hosts(LOOPBACK)
WORLD = World(families=120, revisions=2, roles=3, secrets=2, services=15)
FAMILIES = [f"family-{number:05}" for number in range(120)]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with served(WORLD, throttle=True) as address:
        for service in stub.SERVICES:
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", address)
        yield address


class Silent:
    """A watcher of audits."""

    def found(self, families: int) -> None: ...

    def checked(self, family: str) -> None: ...


def test_the_gateways_read_the_world_and_the_audit_finds_what_is_denied_in_it(endpoint: str) -> None:
    clients = Clients(boto3.Session(region_name=stub.REGION))
    connection = Connection(clients=clients, account=stub.ACCOUNT, region=stub.REGION)
    audit = Auditor(connection, Scope(), Silent()).run()
    assert (audit.unfinished, audit.unread, audit.summary.task_definitions) == ((), {}, 120)
    broken = [number for number in range(120) if number % 3 == 0]
    for check in ("secret-access-missing", "decrypt-access-missing"):
        found = sorted(each.task_definition for each in audit.findings if each.check == check)
        assert found == [WORLD.revision(number) for number in broken]
    assert {each.status for each in audit.findings} == {"fail"}
    assert sorted(audit.in_use) == [WORLD.revision(number) for number in range(105, 120)]
    assert taken(endpoint).answered["DescribeTaskDefinition"] == 120


def test_lists_are_paged_in_the_order_that_was_asked_for(endpoint: str) -> None:
    ecs = boto3.client("ecs")
    pages = list(ecs.get_paginator("list_task_definition_families").paginate(familyPrefix="family-"))
    assert [len(page["families"]) for page in pages] == [100, 20]
    assert [each for page in pages for each in page["families"]] == FAMILIES
    listed = ecs.list_task_definitions(sort="DESC", maxResults=2)["taskDefinitionArns"]
    assert listed == [WORLD.revision(119, 2), WORLD.revision(119, 1)]


def test_calls_beyond_the_burst_are_throttled_and_counted(endpoint: str) -> None:
    ecs: Any = boto3.client("ecs", config=Config(retries={"total_max_attempts": 1}))
    codes = []
    for _ in range(DEFINITIONS.burst * 2):
        try:
            ecs.describe_task_definition(taskDefinition=FAMILIES[0])
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    counted = taken(endpoint)
    assert set(codes) == {"ThrottlingException"}
    assert counted.throttled == {"DescribeTaskDefinition": len(codes)}
    assert counted.answered == {"DescribeTaskDefinition": DEFINITIONS.burst * 2 - len(codes)}
    assert DEFINITIONS.imposed_s({"ListTaskDefinitions": 60, "DescribeTaskDefinition": 30, "ListTasks": 9}) == 2.0


def test_a_bucket_lets_its_burst_through_and_then_what_refills_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("benchmarks.stub.time.monotonic", lambda: now[0])
    bucket = stub.Bucket(DEFINITIONS)
    passed = []
    for second in (0, 1, 3, 100):
        now[0] = second
        passed.append(sum(bucket.take() for _ in range(200)))
    assert passed == [50, 20, 40, 50]


@pytest.mark.parametrize(
    ("client", "operation", "request_", "code"),
    [
        ("ecs", "describe_task_definition", {"taskDefinition": "family-00120"}, "ClientException"),
        ("ecs", "describe_task_definition", {"taskDefinition": "family-00000:3"}, "ClientException"),
        ("iam", "get_role", {"RoleName": "execution-3"}, "NoSuchEntity"),
        ("secretsmanager", "describe_secret", {"SecretId": "registry/2"}, "ResourceNotFoundException"),
        ("ecs", "list_attributes", {"targetType": "container-instance"}, "UnknownOperationException"),
        ("iam", "list_users", {}, "InvalidAction"),
    ],
)
def test_unknown_things_and_actions_are_refused(
    endpoint: str, client: Any, operation: str, request_: Mapping[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as raised:
        getattr(boto3.client(client), operation)(**request_)
    assert raised.value.response["Error"]["Code"] == code


ITEM = {"pk": {"S": "P"}, "sk": {"S": "a"}, "sequence": {"N": "9"}, "data": {"S": "x"}}
VALUES = {":nine": {"N": "9"}, ":ten": {"N": "10"}, ":x": {"S": "x"}, ":number": {"S": "N"}}


@pytest.mark.parametrize(
    ("condition", "expected", "of_absent"),
    [
        ("attribute_not_exists(pk)", False, True),
        ("sequence = :nine", True, False),
        ("#sequence < :ten AND data = :x", True, False),
        ("sequence <= :nine OR data = :ten", True, False),
        ("sequence < :nine", False, False),
        ("sequence <> :ten", True, True),
        ("NOT attribute_type(sequence, :number)", False, True),
        ("attribute_not_exists(pk) OR (sequence = :nine AND data <> :x)", False, True),
        ("pk = :x OR begins_with(data, :x)", True, False),
    ],
)
def test_conditions_of_the_ledger_hold_as_in_dynamodb(condition: str, *, expected: bool, of_absent: bool) -> None:
    request = {"ExpressionAttributeValues": VALUES, "ExpressionAttributeNames": {"#sequence": "sequence"}}
    assert holds(condition, request, ITEM) is expected
    assert holds(condition, request, None) is of_absent


def test_a_transaction_of_the_ledger_writes_all_or_nothing() -> None:
    ledger = Ledger()
    put = {"Put": {"Item": ITEM, "ConditionExpression": "attribute_not_exists(pk)"}}
    change = {
        "UpdateExpression": "ADD writes :nine SET data = :x",
        "ExpressionAttributeValues": VALUES,
    }
    other = {"Update": {"Key": {"pk": {"S": "P"}, "sk": {"S": "b"}}, **change}}
    first, second = (ledger.answer("TransactWriteItems", {"TransactItems": [put, other]}) for _ in range(2))
    assert (first[0].status_code, second[0].status_code) == (200, 400)
    assert [each["Code"] for each in second[1]["CancellationReasons"]] == ["ConditionalCheckFailed", "None"]
    query = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "P"}}}
    items = ledger.answer("Query", query)[1]["Items"]
    assert [each["sk"]["S"] for each in items] == ["a", "b"]
    assert items[1] == {"pk": {"S": "P"}, "sk": {"S": "b"}, "writes": {"N": "9"}, "data": {"S": "x"}}
