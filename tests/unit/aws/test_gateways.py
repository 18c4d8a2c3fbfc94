"""Gateways: named errors become facts, everything else propagates; the readers ask each thing once."""

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber
from moto import mock_aws

from pullguard.aws.answers import DENIED, THROTTLED, looked_up, writing
from pullguard.aws.clients import Clients
from pullguard.aws.ecs import Ecs
from pullguard.aws.iam import Iam
from pullguard.aws.kms import Kms
from pullguard.aws.messaging import Bus, NotSent, Queues, Topic
from pullguard.aws.readers import AwsReaders
from pullguard.aws.secrets_manager import SecretsManager
from pullguard.checks.gather import gather
from pullguard.domain.arn import Arn
from pullguard.domain.errors import Denied
from pullguard.domain.facts import (
    CrossAccountPrimary,
    Facts,
    Key,
    Missing,
    NamedPolicy,
    NotAsked,
    Role,
    Rotation,
    Secret,
    Unreadable,
    Usage,
    ValueShape,
)
from pullguard.domain.image import parse_image
from pullguard.domain.opt_in import UNREADABLE_TAG
from tests.fakes import (
    ACCOUNT,
    CLUSTER,
    NOW,
    REGION,
    TRUST,
    revision_arn,
    role_arn,
    secret,
    secret_arn,
    task_definition,
)
from tests.flows import request

MOTO = "123456789012"  # the account of moto
KEY = Arn.parse(f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/x")
PASSWORD = "correct-horse-battery-staple"


def error(code: str, operation: str = "DescribeThing") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no such thing: AccessDenied"}}, operation)


def raising(problem: Exception) -> Callable[[], Any]:
    def call() -> Any:
        raise problem

    return call


# --- Errors into facts -------------------------------------------------------------------------------------------


def test_an_answer_is_itself() -> None:
    assert looked_up("iam:GetRole", "it", lambda: 7) == 7


@pytest.mark.parametrize(
    ("codes", "reason"), [(DENIED, "denied"), (THROTTLED, "throttled")], ids=["denied", "throttled"]
)
def test_a_named_error_is_a_fact(codes: frozenset[str], reason: str) -> None:
    for code in codes:
        found = looked_up("iam:GetRole", "it", raising(error(code)))
        assert isinstance(found, Unreadable)
        assert (found.permission, found.resource, found.reason) == ("iam:DescribeThing", "it", reason)


def test_what_is_not_there_is_missing_only_by_the_calls_own_code() -> None:
    missing = frozenset({"NoSuchEntity"})
    assert looked_up("iam:GetRole", "it", raising(error("NoSuchEntity")), missing=missing) == Missing(resource="it")
    with pytest.raises(ClientError):
        looked_up("iam:GetRole", "it", raising(error("NoSuchEntity")))


def test_a_refusal_in_a_state_is_one_only_by_the_calls_own_code() -> None:
    refused = frozenset({"DecryptionFailure"})
    found = looked_up("x:Y", "it", raising(error("DecryptionFailure")), refused=refused)
    assert isinstance(found, Unreadable)
    assert found.reason == "refused"


def test_nothing_is_decided_on_the_words_of_a_message() -> None:
    with pytest.raises(ClientError):
        looked_up("iam:GetRole", "it", raising(error("ValidationError")))


def test_a_service_that_does_not_answer_is_a_fact() -> None:
    found = looked_up("iam:GetRole", "it", raising(EndpointConnectionError(endpoint_url="https://iam")))
    assert isinstance(found, Unreadable)
    assert (found.reason, found.permission) == ("unreachable", "iam:GetRole")


@pytest.mark.parametrize("problem", [KeyError("x"), RuntimeError("x")], ids=["key", "runtime"])
def test_a_fault_of_ours_propagates(problem: Exception) -> None:
    with pytest.raises(type(problem)):
        looked_up("iam:GetRole", "it", raising(problem))


def test_a_refused_write_is_denied_and_any_other_error_is_not() -> None:
    refusal = r"AWS refused iam:PutRolePolicy on the role web \(AccessDenied\)"
    with pytest.raises(Denied, match=refusal), writing("iam", "the role web"):
        raise error("AccessDenied", "PutRolePolicy")
    with pytest.raises(ClientError), writing("iam", "the role web"):
        raise error("Throttling", "PutRolePolicy")


# --- Each gateway says what it cannot read -----------------------------------------------------------------------

GATEWAYS: dict[str, tuple[str, str, Callable[[Any], Any], str]] = {
    "task-definition": ("ecs", "describe_task_definition", lambda c: Ecs(c).describe("web"), "ClientException"),
    "role": ("iam", "get_role", lambda c: Iam(c).role(role_arn()), "NoSuchEntity"),
    "key": ("kms", "describe_key", lambda c: Kms(c, account=ACCOUNT).key(KEY), "NotFoundException"),
    "secret": (
        "secretsmanager",
        "describe_secret",
        lambda c: SecretsManager(c).describe("x"),
        "ResourceNotFoundException",
    ),
    "resource-policy": (
        "secretsmanager",
        "get_resource_policy",
        lambda c: SecretsManager(c).resource_policy(secret_arn()),
        "ResourceNotFoundException",
    ),
    "other-resource-policies": (
        "secretsmanager",
        "list_resource_policies",
        lambda c: SecretsManager(c).other_policies(secret_arn()),
        "ResourceNotFoundException",
    ),
    "value": (
        "secretsmanager",
        "get_secret_value",
        lambda c: SecretsManager(c).credentials(secret_arn()),
        "ResourceNotFoundException",
    ),
}


OTHERS: Any = {"ResourcePolicies": [{"PolicyName": "default"}, {"PolicyName": "cross-account-replication"}]}
POLICY = '{"Version":"2012-10-17","Statement":[]}'


def test_the_resource_policies_beside_the_default_one_are_read_by_name() -> None:
    client = boto3.client("secretsmanager", region_name=REGION)
    arn = str(secret_arn())
    with Stubber(client) as stubber:
        stubber.add_response("list_resource_policies", {**OTHERS, "NextToken": "more"}, {"SecretId": arn})
        last: Any = {"ResourcePolicies": [{"PolicyName": "another"}]}
        stubber.add_response("list_resource_policies", last, {"SecretId": arn, "NextToken": "more"})
        for name in ("another", "cross-account-replication"):
            asked = {"SecretId": arn, "PolicyName": name}
            stubber.add_response("get_resource_policy", {"ResourcePolicy": POLICY}, asked)
        found = SecretsManager(client).other_policies(secret_arn())
        stubber.assert_no_pending_responses()
    assert found == tuple(NamedPolicy(name=each, document=POLICY) for each in ("another", "cross-account-replication"))


@pytest.mark.parametrize("code", ["InvalidAction", "UnknownOperationException"])
def test_where_the_policies_cannot_be_listed_nothing_is_certain(code: str) -> None:
    found = ask(
        "secretsmanager", "list_resource_policies", lambda c: SecretsManager(c).other_policies(secret_arn()), code
    )
    assert isinstance(found, Unreadable)
    assert (found.permission, found.reason) == ("secretsmanager:ListResourcePolicies", "refused")


def test_an_sdk_that_cannot_list_policies_is_a_fact() -> None:
    found = SecretsManager(cast("Any", object())).other_policies(secret_arn())
    assert isinstance(found, Unreadable)
    assert "SDK" in found.detail


DESCRIBED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a-managed-external-secret": ({"Type": "GitLabAccessToken"}, {"type": "GitLabAccessToken"}),
    "a-rotation-by-the-hour": (
        {
            "RotationEnabled": True,
            "RotationRules": {"ScheduleExpression": "rate(4 hours)", "AutomaticallyAfterDays": 1},
        },
        {"rotation": Rotation(enabled=True, interval_days=1, schedule="rate(4 hours)")},
    ),
    "a-cross-account-replica": (
        {
            "CrossAccountPrimary": {
                "PrimarySecretARN": str(secret_arn(account="444455556666")),
                "ReplicationStatus": "Detached",
                "StatusMessage": "stopped",
            }
        },
        {
            "cross_account_primary": CrossAccountPrimary(
                arn=str(secret_arn(account="444455556666")), status="Detached", status_message="stopped"
            )
        },
    ),
    "an-ordinary-secret": ({}, {"type": None, "cross_account_primary": None, "rotation": Rotation(enabled=False)}),
}


@pytest.mark.parametrize(("answer", "expected"), DESCRIBED.values(), ids=DESCRIBED)
def test_what_a_secret_is(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    client = boto3.client("secretsmanager", region_name=REGION)
    with Stubber(client) as stubber:
        described: Any = {"ARN": str(secret_arn()), "Name": "registry/ghcr", **answer}
        stubber.add_response("describe_secret", described)
        found = SecretsManager(client).describe("registry/ghcr")
    assert isinstance(found, tuple)
    assert {name: getattr(found[0], name) for name in expected} == expected


def ask(service: str, operation: str, call: Callable[[Any], Any], code: str) -> Any:
    # The name of the service is a variable here, so that no stub knows the client's type.
    client: Any = boto3.client(service, region_name=REGION)  # type: ignore[call-overload]
    with Stubber(client) as stubber:
        stubber.add_client_error(operation, code)
        return call(client)


@pytest.mark.parametrize("case", GATEWAYS.values(), ids=GATEWAYS)
def test_a_gateway_tells_missing_from_denied_from_broken(case: tuple[str, str, Callable[[Any], Any], str]) -> None:
    service, operation, call, missing = case
    assert isinstance(ask(service, operation, call, missing), Missing)
    denied = ask(service, operation, call, "AccessDeniedException")
    assert isinstance(denied, Unreadable)
    assert denied.reason == "denied"
    assert denied.permission.startswith(f"{service}:")
    with pytest.raises(ClientError):
        ask(service, operation, call, "InternalFailure")


# --- Sending -----------------------------------------------------------------------------------------------------


def sqs(**answers: Any) -> Any:
    class Client:
        sent: list[dict[str, Any]] = []  # noqa: RUF012 (one client a test)

        def send_message_batch(self, **request: Any) -> dict[str, Any]:
            self.sent = [*self.sent, request]
            return answers

    return Client()


def test_looks_go_out_in_batches_of_ten() -> None:
    client = sqs()
    assert Queues(client).request("q", (request(revision_arn("web", n)) for n in range(1, 24)), delay_s=2) == 23
    assert [len(each["Entries"]) for each in client.sent] == [10, 10, 3]
    assert {entry["DelaySeconds"] for each in client.sent for entry in each["Entries"]} == {2}


def test_no_looks_cost_no_call() -> None:
    client = sqs()
    assert Queues(client).request("q", ()) == 0
    assert client.sent == []


def test_a_batch_that_was_taken_in_part_is_sent_again_whole() -> None:
    with pytest.raises(NotSent, match="1 of 2 messages"):
        Queues(sqs(Failed=[{"Id": "1"}])).request("q", (request(), request()))


def test_an_event_that_the_bus_refuses_is_heard_of() -> None:
    class Client:
        def put_events(self, **_: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

    client: Any = Client()
    with pytest.raises(NotSent, match="ThrottlingException"):
        Bus(client, "bus").publish("Finding Opened", {})


def test_an_empty_attribute_is_left_out_since_sns_refuses_it() -> None:
    class Client:
        def publish(self, **request: Any) -> dict[str, Any]:
            assert request["MessageAttributes"] == {"check": {"DataType": "String", "StringValue": "x"}}
            return {"MessageId": "m-1"}

    client: Any = Client()
    assert Topic(client, "arn").publish("s", "t", {"check": "x", "family": ""}) == "m-1"


def test_an_attribute_of_several_values_is_an_array_of_strings() -> None:
    class Client:
        def publish(self, **request: Any) -> dict[str, Any]:
            array = {"DataType": "String.Array", "StringValue": '["several", "web"]'}
            assert request["MessageAttributes"] == {"family": array}
            return {"MessageId": "m-1"}

    client: Any = Client()
    assert Topic(client, "arn").publish("s", "t", {"family": ("several", "web")}) == "m-1"


# --- Clients -----------------------------------------------------------------------------------------------------


def test_a_client_is_made_once_for_each_service_and_region() -> None:
    clients = Clients(region=REGION)
    assert clients.get("iam") is clients.get("iam", REGION)
    assert clients.get("kms") is not clients.get("kms", "eu-west-1")
    assert clients.get("kms", "eu-west-1").meta.region_name == "eu-west-1"


# --- Readers, on moto --------------------------------------------------------------------------------------------


@pytest.fixture
def session() -> Iterator[tuple[boto3.Session, list[str]]]:
    """A session on moto, and the calls that are made through it."""
    with mock_aws():
        session = boto3.Session(region_name=REGION)
        calls: list[str] = []
        session.events.register("before-call", lambda model, **_: calls.append(model.name))
        yield session, calls


Session = tuple[boto3.Session, list[str]]


def build(session: boto3.Session, *, registry: str | None = "ghcr.io", keyed: bool = True) -> tuple[str, str]:
    """A role, a key, a secret under it, and two revisions of one family that share them."""
    iam, kms = session.client("iam"), session.client("kms")
    its_role = iam.create_role(RoleName="web", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    statement = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="web", PolicyName="own", PolicyDocument=document)
    managed = iam.create_policy(PolicyName="managed", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="web", PolicyArn=managed)
    its_key = kms.create_key()["KeyMetadata"]["Arn"]
    tags: Any = [{"Key": "pullguard:registry", "Value": registry}] if registry else []
    value = json.dumps({"username": "bot", "password": PASSWORD})
    under: Any = {"KmsKeyId": its_key} if keyed else {}
    secret = session.client("secretsmanager").create_secret(Name="ghcr", SecretString=value, Tags=tags, **under)["ARN"]
    container: Any = {
        "name": "app",
        "image": "ghcr.io/acme/web:1",
        "memory": 64,
        "repositoryCredentials": {"credentialsParameter": secret},
    }
    ecs = session.client("ecs")
    arns = [
        ecs.register_task_definition(family="web", executionRoleArn=its_role, containerDefinitions=[container])[
            "taskDefinition"
        ]["taskDefinitionArn"]
        for _ in range(2)
    ]
    return arns[0], arns[1]


ONE_READ_OF_EACH_FACT = {
    "DescribeTaskDefinition": 2,  # there are two revisions
    "GetRole": 1,
    "ListRolePolicies": 1,
    "GetRolePolicy": 1,
    "ListAttachedRolePolicies": 1,
    "GetPolicy": 1,
    "GetPolicyVersion": 1,
    "DescribeSecret": 1,
    "GetResourcePolicy": 1,
    "GetSecretValue": 1,
    "ListSecretVersionIds": 1,
    "DescribeKey": 1,
    "GetKeyPolicy": 1,
    "ListGrants": 1,
    "ListAliases": 1,
}


def test_a_batch_reads_each_fact_once(session: Session) -> None:
    one, other = build(session[0])
    session[1].clear()
    readers = AwsReaders(Clients(session[0]), account=MOTO, values="opted-in")
    for arn in (one, other, one):
        found = gather(arn, readers, now=NOW)
        assert isinstance(found, Facts)
        assert isinstance(found.role, Role)
    assert {name: session[1].count(name) for name in session[1]} == ONE_READ_OF_EACH_FACT


def test_the_next_batch_reads_anew(session: Session) -> None:
    arn, _ = build(session[0])
    for _ in range(2):
        gather(arn, AwsReaders(Clients(session[0]), account=MOTO, values="never"), now=NOW)
    assert session[1].count("DescribeSecret") == 2


# What moto's DescribeSecret would say more, were the secret a replica of another account's, or not one of ours to read.
MORE: dict[str, tuple[dict[str, Any], int, int]] = {
    "an-ordinary-secret": ({}, 0, 1),
    "a-cross-account-replica": ({"CrossAccountPrimary": {"ReplicationStatus": "InSync"}}, 1, 1),
    "a-managed-external-secret": ({"Type": "GitLabAccessToken"}, 0, 0),
}


@pytest.mark.parametrize(("more", "lists", "reads"), MORE.values(), ids=MORE)
def test_what_else_is_read_of_a_secret_depends_on_what_it_is(
    session: Session, more: dict[str, Any], lists: int, reads: int
) -> None:
    build(session[0])

    def answered(model: Any, parsed: dict[str, Any], **_: Any) -> None:
        parsed.update(more)

    def listed(**_: Any) -> Any:
        session[1].append("ListResourcePolicies")
        return AWSResponse("", 200, HTTPHeaders(), None), {"ResourcePolicies": [{"PolicyName": "default"}]}

    session[0].events.register("after-call.secretsmanager.DescribeSecret", answered)
    session[0].events.register_first("before-call.secretsmanager.ListResourcePolicies", listed)
    session[1].clear()
    found = secret_as_read(session, "opted-in")
    assert found.other_policies == ()
    assert (session[1].count("ListResourcePolicies"), session[1].count("GetSecretValue")) == (lists, reads)


LEFT_OUT = {
    "any": ("*", ""),
    "it-matches": ("gh*", ""),
    "another": ("registry/*", "registry/*"),
    "the-name": ("ghcr", "ghcr"),
}


@pytest.mark.parametrize(("pattern", "outside"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_the_value_of_a_secret_outside_the_deployments_pattern_is_not_read(
    session: Session, pattern: str, outside: str
) -> None:
    """IAM compares the pattern with the ARN, which ends in more than the name; so do we."""
    build(session[0])
    session[1].clear()
    readers = AwsReaders(Clients(session[0]), account=MOTO, values="opted-in", secret_pattern=pattern)
    found, listed = readers.secret("ghcr", REGION), readers.registry_secrets(REGION)
    assert isinstance(found, Secret)
    assert isinstance(listed, tuple)
    assert {found.outside, *(each.outside for each in listed)} == {outside}
    assert session[1].count("GetSecretValue") == (0 if outside else 1)
    assert isinstance(found.value, NotAsked) is bool(outside)


def test_a_registry_is_never_asked_with_credentials_outside_the_deployments_pattern() -> None:
    clients: Any = None
    readers = AwsReaders(clients, account=MOTO, values="opted-in", verify=True, secret_pattern="registry/*")
    said = readers.verification(secret("x", registry="ghcr.io", outside="registry/*"), parse_image("ghcr.io/acme/x:1"))
    assert isinstance(said, NotAsked)
    assert "RegistrySecretPattern" in said.switch


def secret_as_read(session: Session, values: Any) -> Secret:
    found = AwsReaders(Clients(session[0]), account=MOTO, values=values).secret("ghcr", REGION)
    assert isinstance(found, Secret)
    return found


VALUES = {
    "never": ("never", "ghcr.io", False),
    "opted-in": ("opted-in", "ghcr.io", True),
    "not-opted-in": ("opted-in", None, False),
    "opted-in-by-a-tag-that-does-not-parse": ("opted-in", "https://ghcr.io/acme", False),
    "opted-in-by-another-spelling": ("opted-in", "https://ghcr.io/", True),
    "by-the-callers-own-wish": ("all", None, True),
}


@pytest.mark.parametrize(("values", "registry", "read"), VALUES.values(), ids=VALUES)
def test_a_value_is_read_where_its_owner_or_the_caller_wants_it(
    session: Session, values: str, registry: str | None, read: bool
) -> None:
    build(session[0], registry=registry)
    found = secret_as_read(session, values)
    assert isinstance(found.value, ValueShape if read else NotAsked)
    assert ("GetSecretValue" in session[1]) is read
    if isinstance(found.value, NotAsked):
        assert (found.value == UNREADABLE_TAG) is (registry == "https://ghcr.io/acme")
    assert PASSWORD not in repr(found)


def test_the_key_of_a_secret_is_read_with_it(session: Session) -> None:
    build(session[0])
    found = secret_as_read(session, "never")
    assert isinstance(found.key, Key)
    assert (found.key.manager, found.key.state) == ("CUSTOMER", "Enabled")


def test_a_secret_under_awss_own_key_has_none_to_read(session: Session) -> None:
    build(session[0], keyed=False)
    assert secret_as_read(session, "never").key is None
    assert "DescribeKey" not in session[1]


def test_a_role_of_another_path_is_another_role(session: Session) -> None:
    build(session[0])
    readers = AwsReaders(Clients(session[0]), account=MOTO, values="never")
    assert isinstance(readers.role(Arn.parse("arn:aws:iam::123456789012:role/web")), Role)
    assert isinstance(readers.role(Arn.parse("arn:aws:iam::123456789012:role/team/web")), Missing)


def test_only_opted_in_secrets_are_listed(session: Session) -> None:
    build(session[0])
    session[0].client("secretsmanager").create_secret(Name="prod/db-password", SecretString="x")
    found = AwsReaders(Clients(session[0]), account=MOTO, values="never").registry_secrets(REGION)
    assert isinstance(found, tuple)
    assert [each.name for each in found] == ["ghcr"]


def test_a_cluster_that_goes_away_while_it_is_looked_at_leaves_no_false_certainty() -> None:
    client = boto3.client("ecs", region_name=REGION)
    with Stubber(client) as stubber:
        stubber.add_response("list_clusters", {"clusterArns": [CLUSTER]})
        stubber.add_client_error("describe_task_definition", "ClientException")
        stubber.add_client_error("list_services", "ClusterNotFoundException")
        found = Ecs(client).usage(task_definition())
    assert isinstance(found, Missing)


def test_a_deregistered_revision_is_not_the_newest_although_no_other_is_there() -> None:
    client = boto3.client("ecs", region_name=REGION)
    gone = {"taskDefinitionArn": str(task_definition().arn), "family": "web", "revision": 7, "status": "INACTIVE"}
    with Stubber(client) as stubber:
        stubber.add_response("list_clusters", {"clusterArns": []})
        stubber.add_response("describe_task_definition", {"taskDefinition": gone})
        found = Ecs(client).usage(task_definition(status="INACTIVE"))
    assert isinstance(found, Usage)
    assert not found.newest


@pytest.mark.parametrize("lists_all", [False, True])
def test_roles_are_listed_by_people_only(session: Session, lists_all: bool) -> None:
    build(session[0])
    found = AwsReaders(Clients(session[0]), values="never", account=ACCOUNT, lists_all=lists_all).every_role()
    assert isinstance(found, NotAsked) is not lists_all
    assert ("GetAccountAuthorizationDetails" in session[1]) is lists_all
