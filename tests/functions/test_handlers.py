"""Each handler on a batch of messages: what it writes, what it puts away, and what goes back to the queue."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import pullguard.registry
from pullguard.domain.arn import Arn
from pullguard.domain.messages import LISTED, Review
from pullguard.domain.provenance import Provenance
from pullguard.domain.verification import Verification
from sandbox.runtime.samples import fresh
from tests.functions.stack import ACCOUNT, OWN_POLICY, Stack, failed, sqs_event
from tests.functions.world import PASSWORD, allow, create_role, create_secret, know_what_runs, register, request_body

EVENTS = Path(__file__).parents[2] / "events"
Start = Callable[..., Callable[[dict[str, Any]], dict[str, Any]]]


def sample(name: str) -> str:
    return at_home(EVENTS / f"{name}.json")


def at_home(path: Path) -> str:
    """A sample, as if it were of the stack's own account and had just happened."""
    return fresh(path.read_text(encoding="utf-8").replace("111122223333", ACCOUNT))


def reasons(stack: Stack, queue: str) -> list[tuple[str, str]]:
    """The function and the reason beside each message that was put away."""
    attributes = [each["MessageAttributes"] for each in stack.messages(queue)]
    return [(each["function"]["StringValue"], each["reason"]["StringValue"]) for each in attributes]


def bodies(stack: Stack, queue: str) -> list[dict[str, Any]]:
    return [json.loads(each["Body"]) for each in stack.messages(queue)]


def logged(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{") and '"message"' in line]


@pytest.fixture
def broken(stack: Stack) -> str:
    """A task definition whose role, opted in, may not read its secret, opted in."""
    return register(stack, create_secret(stack), role=create_role(stack))


# --- Messages that no handler accepts ----------------------------------------------------------------------------

POISON = {
    "resolve_change": ("ChangeDeadLetters", sample("malformed/unknown-event"), "no trigger is known"),
    "validate_task_definition": ("ValidationDeadLetters", '{"task_definition": "web"}', "is not an ARN"),
    "patch_execution_role": ("GrantDeadLetters", "[]", "not an object"),
    "reregister_task_definition": ("ReregisterDeadLetters", "", "is not JSON"),
    "publish_alert": ("AlertDeadLetters", '{"source": "aws.ecs"}', "the event's source is"),
    "sweep_account": ("SweepDeadLetters", "{}", "neither a Scheduled Event"),
}


@pytest.mark.parametrize(("function", "case"), POISON.items(), ids=POISON)
def test_a_poisoned_message_is_put_away_with_its_reason(
    stack: Stack, start: Start, capsys: pytest.CaptureFixture[str], function: str, case: tuple[str, str, str]
) -> None:
    queue, body, words = case
    response = start(function)(sqs_event(body, groups=("g",)))
    assert failed(response) == []
    ((name, reason),) = reasons(stack, queue)
    assert name == function
    assert words in reason
    (line,) = logged(capsys.readouterr().out)
    assert (line["message"], line["reason"]) == ("Refused", reason)


def test_every_malformed_sample_is_put_away_and_no_other(stack: Stack, start: Start) -> None:
    good = sorted((EVENTS / "eventbridge").glob("*.json"))
    bad = sorted((EVENTS / "malformed").glob("*.json"))
    texts = [at_home(path) for path in (*good, *bad)]
    # The family of the sample whose answer was dropped exists.
    register(stack, "registry/ghcr", role="arn:aws:iam::123456789012:role/web-execution")
    response = start("resolve_change")(sqs_event(*texts))
    assert failed(response) == []
    put_away = stack.messages("ChangeDeadLetters")
    assert sorted(each["Body"] for each in put_away) == sorted(texts[len(good) :])
    assert all(each["MessageAttributes"]["reason"]["StringValue"] for each in put_away)
    assert len(stack.messages("SweepQueue")) == 1


def test_a_poisoned_message_does_not_hold_up_its_batch_mates(stack: Stack, start: Start, broken: str) -> None:
    response = start("validate_task_definition")(sqs_event("x", request_body(broken), "[]"))
    assert failed(response) == []
    assert len(reasons(stack, "ValidationDeadLetters")) == 2
    assert [each["detail-type"] for each in bodies(stack, "AlertQueue")] == ["Finding Opened", "Remediation Planned"]


def test_a_message_that_fails_goes_back_alone(
    stack: Stack, start: Start, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.breaking["DescribeTaskDefinition"] = RuntimeError("AWS is on fire")
    registered, dropped = (
        sample("eventbridge/register-task-definition"),
        sample("eventbridge/register-task-definition-response-dropped"),
    )
    response = start("resolve_change")(sqs_event(dropped, registered))
    assert failed(response) == ["m-0"]
    assert len(bodies(stack, "ValidationQueue")) == 1
    assert reasons(stack, "ChangeDeadLetters") == []
    (why,) = (line for line in capsys.readouterr().out.splitlines() if '"level":"WARNING"' in line)
    assert "RuntimeError: AWS is on fire" in why


# --- Each function -----------------------------------------------------------------------------------------------


def test_resolve_change_requests_a_validation(stack: Stack, start: Start) -> None:
    start("resolve_change")(sqs_event(sample("eventbridge/register-task-definition")))
    (message,) = bodies(stack, "ValidationQueue")
    assert message["task_definition"] == "arn:aws:ecs:us-east-1:123456789012:task-definition/web:7"
    assert message["cause"]["kind"] == "RegisterTaskDefinition"


@pytest.mark.parametrize(("parameters", "expected"), [({}, (1, 1)), ({"DebounceSeconds": "0"}, (3, 0))], ids=str)
def test_resolve_change_lets_the_next_changes_of_a_role_wait(
    stack: Stack, start: Start, broken: str, parameters: dict[str, str], expected: tuple[int, int]
) -> None:
    start("validate_task_definition")(sqs_event(request_body(broken)))
    change = json.loads(sample("eventbridge/put-role-policy"))
    texts = [json.dumps(change | {"id": f"change-{number}"}) for number in range(3)]
    assert failed(start("resolve_change", **parameters)(sqs_event(*texts))) == []
    assert (len(bodies(stack, "ValidationQueue")), stack.waiting("ValidationQueue")) == expected


def test_validate_reports_and_records_and_changes_nothing_by_default(stack: Stack, start: Start, broken: str) -> None:
    start("validate_task_definition")(sqs_event(request_body(broken)))
    finding, planned = bodies(stack, "AlertQueue")
    assert finding["detail"]["finding"]["check"] == "secret-access-missing"
    assert (finding["source"], finding["resources"]) == ("pullguard", [broken])
    assert planned["detail-type"] == "Remediation Planned"
    assert stack.waiting("GrantQueue") == 0
    kinds = {item["sk"]["S"].partition("#")[0] for item in stack.items() if item["pk"]["S"] == f"TD#{broken}"}
    assert kinds == {"REFERENCES", "FINDING", "REMEDIATION"}


def test_validate_asks_for_a_grant_where_it_may(stack: Stack, start: Start, broken: str) -> None:
    start("validate_task_definition", Mode="remediate")(sqs_event(request_body(broken)))
    (message,) = stack.messages("GrantQueue")
    assert json.loads(message["Body"])["task_definition"] == broken
    assert message["Attributes"]["MessageGroupId"]


def test_validate_sends_a_review_on_and_judges_its_batch_mates(stack: Stack, start: Start, broken: str) -> None:
    role = Arn.parse(f"arn:aws:iam::{ACCOUNT}:role/web-execution")
    review = Review(role=role, provenance=Provenance(kind=LISTED, event_id="s-1", at=datetime.now(UTC)))
    response = start("validate_task_definition")(sqs_event(review.to_json(), request_body(broken)))
    assert failed(response) == []
    (message,) = stack.messages("GrantQueue")
    assert message["Body"] == review.to_json()
    assert [each["detail-type"] for each in bodies(stack, "AlertQueue")] == ["Finding Opened", "Remediation Planned"]


def test_no_function_shows_a_password(
    stack: Stack, start: Start, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    start("validate_task_definition", Mode="remediate", LogLevel="DEBUG")(sqs_event(request_body(broken)))
    assert "secretsmanager:GetSecretValue" in stack.called["validate_task_definition"]
    captured = capsys.readouterr()
    seen = [captured.out, captured.err, stack.items(), *(stack.messages(name) for name in ("AlertQueue", "GrantQueue"))]
    assert PASSWORD not in str(seen)


def test_validate_reads_no_value_of_a_secret_that_is_not_opted_in(stack: Stack, start: Start) -> None:
    arn = register(stack, create_secret(stack, registry=None), role=create_role(stack))
    start("validate_task_definition", Mode="remediate")(sqs_event(request_body(arn)))
    assert "secretsmanager:GetSecretValue" not in stack.called["validate_task_definition"]
    assert "Remediation Refused" in {each["detail-type"] for each in bodies(stack, "AlertQueue")}
    assert stack.waiting("GrantQueue") == 0


def test_patch_writes_the_policy_and_asks_whether_it_worked(stack: Stack, start: Start, broken: str) -> None:
    start("patch_execution_role", Mode="remediate")(sqs_event(request_body(broken), groups=("web",)))
    policy = stack.client("iam").get_role_policy(RoleName="web-execution", PolicyName=OWN_POLICY)
    (statement,) = policy["PolicyDocument"]["Statement"]
    (secret,) = stack.client("secretsmanager").list_secrets()["SecretList"]
    assert statement["Resource"] == [secret["ARN"]]
    assert [each["detail-type"] for each in bodies(stack, "AlertQueue")] == ["Remediation Completed"]
    assert stack.waiting("ValidationQueue") == 2  # soon the task definition, and once more the role


def test_200_definitions_that_name_one_role_at_once_are_one_write_a_secret(stack: Stack, start: Start) -> None:
    role = create_role(stack)
    secrets = [create_secret(stack, f"registry/{number}") for number in range(3)]
    arns = [register(stack, secrets[number % 3], role=role, family=f"web-{number}") for number in range(200)]
    handler = start("patch_execution_role", Mode="remediate")
    for first in range(0, 200, 10):
        batch = sqs_event(*map(request_body, arns[first : first + 10]), groups=("web-execution",) * 10)
        assert failed(handler(batch)) == []
    document = stack.client("iam").get_role_policy(RoleName="web-execution", PolicyName=OWN_POLICY)["PolicyDocument"]
    assert [each["Resource"] for each in document["Statement"]] == [sorted(secrets)]
    writes = stack.client("dynamodb").query(
        TableName="ledger",
        KeyConditionExpression="pk = :role AND begins_with(sk, :write)",
        ExpressionAttributeValues={":role": {"S": f"ROLE#{role}"}, ":write": {"S": "WRITE#"}},
    )
    assert writes["Count"] == 3


def test_patch_writes_nothing_by_default(stack: Stack, start: Start, broken: str) -> None:
    start("patch_execution_role")(sqs_event(request_body(broken), groups=("web",)))
    assert stack.client("iam").list_role_policies(RoleName="web-execution")["PolicyNames"] == []
    assert "iam:PutRolePolicy" not in stack.called["patch_execution_role"]


def test_an_error_stops_its_group_and_no_other(stack: Stack, start: Start, broken: str) -> None:
    gone = request_body(broken.replace("/web:", "/gone:"))
    stack.breaking["PutRolePolicy"] = RuntimeError("AWS is on fire")
    event = sqs_event(request_body(broken), gone, gone, groups=("web", "web", "other"))
    assert failed(start("patch_execution_role", Mode="remediate")(event)) == ["m-0", "m-1"]


@pytest.fixture
def stale(stack: Stack) -> tuple[str, str]:
    """A task definition that names a secret which was deleted and created again; and the new secret's ARN."""
    role = create_role(stack)
    old = create_secret(stack)
    arn = register(stack, old, role=role)
    stack.client("secretsmanager").delete_secret(SecretId=old, ForceDeleteWithoutRecovery=True)
    new = create_secret(stack)
    assert new != old
    allow(stack, new)
    return arn, new


def test_reregister_registers_the_corrected_revision(stack: Stack, start: Start, stale: tuple[str, str]) -> None:
    arn, new = stale
    handler = start("reregister_task_definition", Mode="remediate")
    handler(sqs_event(request_body(arn), groups=("web",)))
    answer = stack.client("ecs").describe_task_definition(taskDefinition="web", include=["TAGS"])
    assert answer["taskDefinition"]["revision"] == 2
    (container,) = answer["taskDefinition"]["containerDefinitions"]
    assert container["repositoryCredentials"] == {"credentialsParameter": new}
    assert {tag["key"]: tag["value"] for tag in answer["tags"]} == {"team": "shop", "pullguard:reregistered-from": arn}
    assert stack.waiting("ValidationQueue") == 2


def test_reregister_registers_once(stack: Stack, start: Start, stale: tuple[str, str]) -> None:
    handler = start("reregister_task_definition", Mode="remediate")
    for _ in range(3):
        handler(sqs_event(request_body(stale[0]), groups=("web",)))
    assert len(stack.client("ecs").list_task_definitions()["taskDefinitionArns"]) == 2


def test_a_secret_is_attached_where_only_the_validator_reaches_the_registry(
    stack: Stack, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry is inside a VPC, or has its certificate from an authority that only the validator knows."""
    secret = create_secret(stack, roles="web-execution")
    role = create_role(stack)
    arn = register(stack, None, role=role, tags={"pullguard:attach": "true"})
    know_what_runs(stack)

    def run(function: str, queue: str | None) -> None:
        says = {"anonymous_pull": "rejected", "verification": "ok"} if function.startswith("validate") else {}
        for question in ("anonymous_pull", "verification"):
            answer = Verification(answer=says.get(question, "unreachable"))  # type: ignore[arg-type]
            monkeypatch.setattr(pullguard.registry, question, lambda *_, answer=answer, **__: answer)
        messages = [each["Body"] for each in stack.messages(queue)] if queue else [request_body(arn)]
        assert messages
        event = sqs_event(*messages, groups=("web",) * len(messages))
        assert failed(start(function, Mode="remediate", VerifyCredentials="true")(event)) == []

    run("validate_task_definition", None)
    run("patch_execution_role", "GrantQueue")
    run("validate_task_definition", None)
    run("reregister_task_definition", "ReregisterQueue")
    newest = stack.client("ecs").describe_task_definition(taskDefinition="web")["taskDefinition"]
    assert newest["revision"] == 2
    assert newest["containerDefinitions"][0]["repositoryCredentials"] == {"credentialsParameter": secret}


def test_alerts_reach_the_topic_once(stack: Stack, start: Start, broken: str) -> None:
    start("validate_task_definition")(sqs_event(request_body(broken)))
    events = [each["Body"] for each in stack.messages("AlertQueue")]
    handler = start("publish_alert")
    assert failed(handler(sqs_event(*events))) == []
    assert failed(handler(sqs_event(*events))) == []
    alerts = bodies(stack, "Inbox")
    assert len(alerts) == len(events) == 2
    assert all(len(alert["Subject"]) < 100 for alert in alerts)
    assert {alert["MessageAttributes"]["family"]["Value"] for alert in alerts} == {"web"}


def test_a_forged_event_causes_no_alert(stack: Stack, start: Start, broken: str) -> None:
    start("validate_task_definition")(sqs_event(request_body(broken)))
    event = bodies(stack, "AlertQueue")[0]
    event["detail"]["finding"]["id"] = "0" * 16
    start("publish_alert")(sqs_event(json.dumps(event)))
    assert bodies(stack, "Inbox") == []
    ((_, reason),) = reasons(stack, "AlertDeadLetters")
    assert "the ledger knows no finding" in reason


def test_a_sweep_requests_the_validation_of_everything(stack: Stack, start: Start, broken: str) -> None:
    register(stack, "registry/ghcr", role="arn:aws:iam::123456789012:role/x", family="api")
    scheduled = json.dumps({"detail-type": "Scheduled Event", "id": "e-1"})
    assert failed(start("sweep_account")(sqs_event(scheduled))) == []
    messages = [each["Body"] for each in stack.messages("ValidationQueue")]
    assert sorted(json.loads(each)["family"] for each in messages) == ["api", "web"]
    assert failed(start("validate_task_definition")(sqs_event(*messages))) == []
    opened = [
        each["detail"]["finding"]["task_definition"]
        for each in bodies(stack, "AlertQueue")
        if "finding" in each["detail"]
    ]
    assert broken in opened
    assert any(item["pk"]["S"] == "SWEEP" for item in stack.items())


def test_from_a_message_to_a_role_that_works(stack: Stack, start: Start, broken: str) -> None:
    validate, patch = (start(name, Mode="remediate") for name in ("validate_task_definition", "patch_execution_role"))
    validate(sqs_event(request_body(broken)))
    patch(sqs_event(*(each["Body"] for each in stack.messages("GrantQueue")), groups=("web",)))
    validate(sqs_event(request_body(broken)))
    reported = [each["detail-type"] for each in bodies(stack, "AlertQueue")]
    assert reported == ["Finding Opened", "Remediation Completed", "Finding Resolved"]
    assert stack.waiting("GrantQueue") == 0  # the answer is now: nothing to do
