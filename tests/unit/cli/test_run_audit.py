import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.parsers import ResponseParserError

from pullguard.aws.readers import ReadValues
from pullguard_cli.audit_result import NOT_EXAMINED, Audit
from pullguard_cli.connection import Connection, connect
from pullguard_cli.failures import CannotRun
from pullguard_cli.incidents import incidents_of
from pullguard_cli.run_audit import Auditor
from pullguard_cli.scope import Scope
from sandbox.world import World
from tests.unit.cli.conftest import answering, in_account


class Watcher:
    """Counts families, and calls a hook of the test for each."""

    def __init__(self, at: Callable[[int], None] = lambda _: None) -> None:
        self.total = 0
        self.done: list[str] = []
        self._at = at

    def found(self, families: int) -> None:
        self.total += families
        self._at(self.total)

    def checked(self, family: str) -> None:
        self.done.append(family)


@pytest.fixture
def connection(broken: World) -> Connection:
    return connect()


def audit(connection: Connection, scope: Scope | None = None, watcher: Watcher | None = None) -> Audit:
    return Auditor(connection, scope or Scope(), watcher or Watcher()).run()


def refuse(connection: Connection, operation: str, code: str, *, after: int = 0) -> None:
    """Make an operation fail with ``code`` after ``after`` successful calls."""
    service = operation.partition(".")[0]
    seen = Counter[str]()
    answer = answering(code)

    def hook(**arguments: object) -> Any:
        seen[operation] += 1
        return answer(**arguments) if seen[operation] > after else None

    connection.clients.get(service).meta.events.register(f"before-call.{operation}", hook)


def empty(connection: Connection, operation: str) -> None:
    """Make an operation return an empty response."""

    class Response:
        status_code = 200

    connection.clients.get(operation.partition(".")[0]).meta.events.register(
        f"before-call.{operation}", lambda **_: (Response(), {"ResponseMetadata": {"HTTPStatusCode": 200}})
    )


def unknown(done: Audit) -> list[str]:
    return [each.check for each in done.findings if each.status == "unknown"]


def test_a_complete_audit_reports_its_progress(connection: Connection) -> None:
    watcher = Watcher()
    done = audit(connection, watcher=watcher)
    assert done.unfinished == ()
    assert watcher.total == len(watcher.done) == 7
    assert done.in_use == {
        "arn:aws:ecs:us-east-1:123456789012:task-definition/worker:1": ("service worker in cluster demo",)
    }


def test_old_revisions_are_examined_only_if_they_run(connection: Connection) -> None:
    ecs = in_account("ecs")
    for family in ("worker", "web"):
        described = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
        ecs.register_task_definition(
            family=family,
            executionRoleArn=described["executionRoleArn"],
            containerDefinitions=[{"name": "c", "image": "public.ecr.aws/a/b:1", "memory": 64}],
        )
    done = audit(connection)
    assert {each.task_definition.rpartition("/")[2] for each in done.findings} >= {"worker:1"}
    assert "web:1" not in {each.task_definition.rpartition("/")[2] for each in done.findings}
    assert done.summary.task_definitions == 8


def test_an_interrupted_audit_keeps_what_it_found(connection: Connection) -> None:
    def interrupt(total: int) -> None:
        if total:
            raise KeyboardInterrupt

    done = audit(connection, watcher=Watcher(interrupt))
    assert "the audit was interrupted" in done.unfinished
    assert done.summary.unknown == 7
    assert {each.remedy.text for each in done.findings} == {"Run the audit again."}


def test_families_that_cannot_be_listed_are_no_clean_account(connection: Connection) -> None:
    refuse(connection, "ecs.ListTaskDefinitionFamilies", "AccessDeniedException")
    with pytest.raises(CannotRun, match="AWS denied ListTaskDefinitionFamilies"):
        audit(connection)


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_a_task_definition_that_could_not_be_described_is_unknown_and_unfinished(
    connection: Connection, code: str
) -> None:
    refuse(connection, "ecs.DescribeTaskDefinition", code, after=3)
    done = audit(connection)
    assert len([each for each in done.findings if "could not be described" in each.cause]) == 4
    assert [text for text in done.unfinished if text.startswith("4 task definitions could not be described")]


@pytest.mark.parametrize(
    ("operation", "checks"),
    [
        ("iam.GetRole", {"execution-role-not-found"}),
        ("secretsmanager.DescribeSecret", {"secret-not-found"}),
        ("kms.DescribeKey", {"decrypt-access-missing", "key-unusable"}),
    ],
)
@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_a_failed_read_is_unknown_and_never_a_pass(
    connection: Connection, operation: str, code: str, checks: set[str]
) -> None:
    refuse(connection, operation, code)
    done = audit(connection)
    assert checks <= set(unknown(done))
    assert any(text.startswith(operation.replace(".", ":")) or "kms:" in text for text in done.gaps)
    assert done.at_least("error"), "unknown counts with its severity"


def test_places_that_cannot_be_read_leave_doubt(connection: Connection) -> None:
    refuse(connection, "ecs.ListClusters", "AccessDeniedException")
    done = audit(connection)
    assert done.unfinished == (
        "could not read where revisions run: ecs:ListClusters on *: access was denied (AccessDeniedException)",
    )
    assert unknown(done)


@pytest.mark.parametrize("operation", ["DescribeTasks", "ListServices", "ListClusters"])
def test_a_fault_of_ecs_itself_names_its_call_and_is_asked_again(connection: Connection, operation: str) -> None:
    if operation == "DescribeTasks":
        listing(connection)
    refuse(connection, f"ecs.{operation}", "ServerException")
    found = audit(connection)
    (unfinished,) = {each.split(" on ")[0] for each in found.unfinished}
    assert unfinished == f"could not read where revisions run: ecs:{operation}"
    said = {each.remedy.text for each in found.findings if f"ecs:{operation}" in each.evidence}
    assert said
    for text in said:
        assert text.startswith(f"AWS did not answer ecs:{operation} on ")
        assert text.endswith("the next validation or sweep asks again.")


def test_a_refusal_of_ecs_names_its_call(connection: Connection) -> None:
    refuse(connection, "ecs.ListServices", "InvalidParameterException")
    (unfinished,) = audit(connection).unfinished
    assert unfinished.startswith("could not read where revisions run: ecs:ListServices on *: AWS refused the call")


def test_credentials_that_expire_half_way_end_the_audit(connection: Connection) -> None:
    refuse(connection, "ecs.DescribeTaskDefinition", "ExpiredTokenException", after=2)
    done = audit(connection)
    assert any("have expired" in text for text in done.unfinished)
    assert done.summary.task_definitions == 7


def test_an_odd_answer_spoils_only_its_family(connection: Connection) -> None:
    refuse(connection, "iam.GetRole", "ServiceFailureException", after=6)
    done = audit(connection)
    assert done.unfinished == ("1 family was not examined, or only in part",)
    assert [each.evidence for each in done.findings if each.remedy.text == "Run the audit again."]


@pytest.mark.parametrize(
    ("operation", "spoilt"),
    [
        ("secretsmanager.DescribeSecret", 7),
        ("iam.GetRole", 7),
        ("ecs.DescribeTaskDefinition", 7),
        ("ecs.ListClusters", 0),
    ],
)
def test_an_endpoint_that_is_not_aws_loses_nothing_else(connection: Connection, operation: str, spoilt: int) -> None:
    """A proxy returns an empty object, which lacks the members that AWS always returns."""
    empty(connection, operation)
    done = audit(connection)
    assert len([each for each in done.findings if each.check == NOT_EXAMINED]) == spoilt
    assert done.gaps
    assert done.summary.task_definitions == 7
    incidents = [each for each in incidents_of(done) if each.check == NOT_EXAMINED]
    assert [len(each.task_definitions) for each in incidents] == ([spoilt] if spoilt else [])


def test_an_answer_that_cannot_be_read_is_not_quoted(connection: Connection) -> None:
    def spoil(**_: object) -> None:
        raise ResponseParserError("<html>user:password</html>")

    connection.clients.get("iam").meta.events.register("before-call.iam.GetRole", spoil)
    done = audit(connection)
    (evidence,) = {each.evidence for each in done.findings}
    assert evidence.startswith("The endpoint is not AWS")
    assert "html" not in evidence


@pytest.mark.parametrize(("values", "denied"), [("opted-in", 5), ("all", 6)])
def test_a_value_that_was_denied_is_unknown(connection: Connection, values: ReadValues, denied: int) -> None:
    refuse(connection, "secretsmanager.GetSecretValue", "AccessDeniedException")
    done = audit(connection, Scope(read_values=values))
    assert done.gaps == (
        f"secretsmanager:GetSecretValue was denied on {denied} resources, so {denied} task definitions were checked "
        "only in part",
    )
    (incident,) = (each for each in incidents_of(done) if each.what == "secretsmanager:GetSecretValue")
    assert len(json.loads(incident.remedy.snippet or "")["Resource"]) == denied
    assert "--no-values" in (incident.remedy.text or "")


def test_no_advice_opens_the_values_of_all_secrets(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pullguard_cli.incidents._RESOURCES_NAMED", 2)
    refuse(connection, "secretsmanager.GetSecretValue", "AccessDeniedException")
    (incident,) = (each for each in incidents_of(audit(connection)) if each.what == "secretsmanager:GetSecretValue")
    statement = json.loads(incident.remedy.snippet or "")
    assert statement["Resource"] == "*"
    assert statement["Condition"] == {"StringLike": {"aws:ResourceTag/pullguard:registry": "?*"}}


def test_values_that_are_not_to_be_read_are_not_asked_for(connection: Connection) -> None:
    refuse(connection, "secretsmanager.GetSecretValue", "AccessDeniedException")
    judged, unjudged = audit(connection, Scope(families=("healthy",))), audit(connection, Scope(read_values="never"))
    assert judged.summary.unknown > 0
    assert unjudged.gaps == ()
    assert unjudged.summary.not_checked > 0
    assert "secret-value-empty-field" not in {each.check for each in unjudged.findings}


def test_one_missing_right_is_one_incident(connection: Connection) -> None:
    refuse(connection, "secretsmanager.DescribeSecret", "AccessDeniedException")
    (incident,) = [each for each in incidents_of(audit(connection)) if each.status == "unknown"]
    assert (incident.name, incident.what, len(incident.task_definitions)) == (
        "access denied",
        "secretsmanager:DescribeSecret",
        7,
    )
    assert json.loads(incident.remedy.snippet or "")["Action"] == ["secretsmanager:DescribeSecret"]


def test_task_definitions_in_use_are_counted_in_the_scope(connection: Connection) -> None:
    assert not audit(connection, Scope(families=("web",))).in_use
    assert len(audit(connection, Scope(families=("work*",))).in_use) == 1


def test_a_family_that_runs_and_was_not_reached_is_in_use(connection: Connection) -> None:
    done = audit(connection, watcher=Watcher(_interrupt_at_the_last))
    (worker,) = [each for each in done.findings if ":task-definition/worker" in each.task_definition]
    assert (worker.check, done.is_in_use(worker)) == (NOT_EXAMINED, True)


def _interrupt_at_the_last(total: int) -> None:
    if total:
        time.sleep(2)  # where things run is found meanwhile
        raise KeyboardInterrupt


def test_a_family_that_runs_and_cannot_be_described_counts_once(connection: Connection) -> None:
    refuse(connection, "ecs.DescribeTaskDefinition", "AccessDeniedException")
    done = audit(connection)
    assert done.summary.task_definitions == 7
    assert {each.check for each in done.findings} == {NOT_EXAMINED}
    assert [each.what for each in incidents_of(done)] == ["ecs:DescribeTaskDefinition"]
    assert done.gaps == ("7 task definitions could not be described (ecs:DescribeTaskDefinition: denied)",)


def test_it_calls_no_more_than_it_must(connection: Connection) -> None:
    calls: Counter[str] = Counter()

    def count(model: Any, **_: object) -> None:
        calls[model.name] += 1

    for service in ("ecs", "iam", "secretsmanager", "kms"):
        connection.clients.get(service).meta.events.register("before-call", count)
    audit(connection)
    assert calls["DescribeTaskDefinition"] == 7
    assert calls["ListTaskDefinitionFamilies"] == 1
    assert calls["GetRole"] == 7, "each role once"
    assert calls["DescribeSecret"] == 9, "each reference once, and both names that the stale one may hold"
    assert calls["DescribeKey"] == calls["GetKeyPolicy"] == calls["ListGrants"] == calls["ListAliases"] == 1


@pytest.mark.parametrize("group", ["family:web", "service:web"])
def test_a_task_that_failed_to_start_without_a_service_is_audited(connection: Connection, group: str) -> None:
    """RunTask and schedules start tasks too, and ECS keeps failed ones for an hour."""
    web = in_account("ecs").describe_task_definition(taskDefinition="web")["taskDefinition"]["taskDefinitionArn"]
    stopped(connection, web, group)
    done = audit(connection)
    assert done.unfinished == ()
    assert "task-start-failed" in {each.check for each in done.about(web)}
    expected = ("1 failed start in cluster demo",) if group == "family:web" else None
    assert done.in_use.get(web) == expected


def listing(connection: Connection) -> None:
    """Make ECS list one task."""

    def listed(**_: object) -> Any:
        return SimpleNamespace(status_code=200), {"taskArns": ["task/1"], "ResponseMetadata": {"HTTPStatusCode": 200}}

    connection.clients.get("ecs").meta.events.register("before-call.ecs.ListTasks", listed)


def stopped(connection: Connection, task_definition: str, group: str) -> None:
    """Make ECS return one stopped task that could not pull, in addition to the running ones."""
    task = {
        "taskArn": "arn:aws:ecs:us-east-1:123456789012:task/demo/1",
        "taskDefinitionArn": task_definition,
        "stopCode": "TaskFailedToStart",
        "stoppedAt": datetime.now(UTC),
        "stoppedReason": "CannotPullContainerError: pull access denied for acme/web",
        "group": group,
    }

    def answered(answer: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
        return SimpleNamespace(status_code=200), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}

    def listed(params: Mapping[str, Any], **_: object) -> Any:
        wanted = json.loads(params["body"]).get("desiredStatus") == "STOPPED"
        return answered({"taskArns": [task["taskArn"]]}) if wanted else None

    def described(params: Mapping[str, Any], **_: object) -> Any:
        return answered({"tasks": [task]}) if task["taskArn"] in json.loads(params["body"])["tasks"] else None

    events = connection.clients.get("ecs").meta.events
    events.register("before-call.ecs.ListTasks", listed)
    events.register("before-call.ecs.DescribeTasks", described)
