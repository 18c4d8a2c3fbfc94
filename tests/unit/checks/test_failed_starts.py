"""A failed start in the facts: whose pull it was, and with which role."""

import re
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.aws.ecs import Ecs
from pullguard.checks.examine import examine
from pullguard.domain.diagnosis import diagnose, explain
from pullguard.domain.findings import Finding
from pullguard.domain.image import parse_images
from pullguard.domain.task_definition import read_task_definition
from pullguard.domain.usage import FailedStart, Reason, Usage
from pullguard.domain.verification import Verification
from tests.fakes import CLUSTER, NOW, REGION, World, container, revision_arn, role, role_arn, secret, task_definition
from tests.unit.domain.stopped_texts import TEXTS

GHCR = secret()
IMAGE = "ghcr.io/acme/web:1"
ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com/sidecar:1"
WEB = container(GHCR)
SIDECAR = container(name="sidecar", image=ECR)
OWN, OTHER = role_arn(), role_arn("service/batch")


def denied(session: str) -> str:
    return (
        "asm fetching secret from the service for registry/ghcr: AccessDeniedException: User: "
        f"arn:aws:sts::111122223333:assumed-role/{session}/0a1b is not authorized to perform: "
        "secretsmanager:GetSecretValue on resource: x"
    )


def unassumable(arn: object) -> str:
    return f"ECS was unable to assume the role '{arn}' that was provided for this task."


def findings(
    *containers: dict[str, Any], raw: dict[str, Any] | None = None, image: str | None = None, **start: Any
) -> list[Finding]:
    """Return what is said of a task that just failed to start: a finding, or nothing."""
    reasons = (Reason(text=start.pop("reason"), image=image),)
    failed = FailedStart(task_arn=f"{CLUSTER}/1", stopped_at=NOW - timedelta(minutes=1), reasons=reasons, **start)
    definition = task_definition(*(containers or (WEB,)))
    world = World(
        (read_task_definition({**definition.raw, **(raw or {})}, {}),),
        (role(reads=[GHCR]),),
        (GHCR,),
        running=Usage(newest=True, failed_starts=(failed,)),
        verifications={IMAGE: Verification(answer="ok")},
    )
    return [each for each in examine(world.facts()).findings if each.check == "task-start-failed"]


# --- The role ----------------------------------------------------------------------------------------------------

ANOTHER: dict[str, tuple[dict[str, Any], str]] = {
    "a session in the text": (
        {"reason": denied("batch")},
        "the text names, batch of account 111122223333: it is not the task definition's execution role",
    ),
    "a role in the text": ({"reason": unassumable(OTHER)}, f"the text names, {OTHER}: it is not"),
    "the overrides": (
        {"reason": "unable to get registry auth from asm", "execution_role": str(OTHER)},
        f"its overrides name, {OTHER}: it is not the task definition's execution role ({OWN})",
    ),
    "the overrides, by name": (
        {"reason": "unable to get registry auth from asm", "execution_role": "batch"},
        "its overrides name, arn:aws:iam::111122223333:role/batch: it is not",
    ),
    "the overrides and the text": (
        {"reason": denied("batch"), "execution_role": str(OTHER)},
        f"its overrides name, {OTHER}: it is not",
    ),
    "of another path": (
        {"reason": unassumable("arn:aws:iam::111122223333:role/svc/team/web-execution")},
        "the text names, arn:aws:iam::111122223333:role/svc/team/web-execution: it is not",
    ),
    "the overrides of another path": (
        {"reason": denied("web-execution"), "execution_role": "arn:aws:iam::111122223333:role/svc/web-execution"},
        "its overrides name, arn:aws:iam::111122223333:role/svc/web-execution: it is not",
    ),
    "of another partition": (
        {"reason": unassumable("arn:aws-us-gov:iam::111122223333:role/web-execution")},
        "the text names, arn:aws-us-gov:iam::111122223333:role/web-execution: it is not",
    ),
    "of another account": (
        {"reason": unassumable("arn:aws:iam::999988887777:role/web-execution")},
        "the text names, arn:aws:iam::999988887777:role/web-execution: it is not",
    ),
}


@pytest.mark.parametrize(("start", "said"), ANOTHER.values(), ids=ANOTHER)
def test_another_role_than_the_task_definitions_is_named_and_never_ruled_out(start: dict[str, Any], said: str) -> None:
    (finding,) = findings(**start)
    assert said in finding.cause
    assert "secret-access" not in finding.remedy.text
    assert "execution-role" not in finding.remedy.text
    assert "decrypt-access" not in finding.remedy.text
    assert finding.remedy.text.startswith("Check that role: Pullguard examines the task definition's own only.")
    assert "Ruled out" not in finding.remedy.text
    assert finding.role != str(OWN)


@pytest.mark.parametrize("reason", ["unable to get registry auth from asm", "CannotPullContainerError: denied: x"])
def test_overrides_that_name_no_role_rule_nothing_out(reason: str) -> None:
    (finding,) = findings(reason=reason, execution_role="\x1b[31m password=hunter2")
    assert "The task's overrides name the execution role " in finding.cause
    assert "which is not the ARN or name of a role" in finding.cause
    assert "Ruled out" not in finding.remedy.text
    assert "hunter2" not in str(finding)
    assert "\x1b" not in str(finding)


OF_THE_ROLE = {"role-credentials", "credentials-denied", "decrypt-denied", "credentials-failed", "unclear"}


@pytest.mark.parametrize(
    "kind", [kind for kind in TEXTS if kind not in {"ecr-authorization", "secret-injection", "unknown"}]
)
def test_the_fix_is_that_of_another_role_only_if_the_fault_is_in_the_role(kind: str) -> None:
    for text in (each for each in TEXTS[kind] if diagnose(each).role is None):
        (finding,) = findings(reason=text, execution_role=str(OTHER))
        used = re.search("The task used the role that .*, (.*): it is not", finding.cause)
        assert used is not None
        assert "Ruled out" not in finding.remedy.text
        if kind in OF_THE_ROLE:
            assert finding.remedy.text.startswith("Check that role: ")
            assert finding.remedy.text.endswith(", or start the task with the task definition's role.")
        else:
            assert finding.remedy.text.startswith(explain(text, parse_images([IMAGE])).how_to_fix)
            assert "Check that role" not in finding.remedy.text
            assert used[1] in finding.remedy.text


def test_access_that_no_text_names_is_not_reported_as_named() -> None:
    (finding,) = findings(reason="unable to get registry auth from asm", execution_role=str(OTHER))
    assert "that the text says" not in finding.remedy.text
    assert "secretsmanager:GetSecretValue" in finding.remedy.text
    (finding,) = findings(reason=unassumable(OTHER))
    assert "Let ecs-tasks.amazonaws.com assume it" in finding.remedy.text


def test_an_error_of_the_task_definitions_role_does_not_explain_a_start_with_another() -> None:
    start = FailedStart(
        task_arn=f"{CLUSTER}/1", stopped_at=NOW, reasons=(Reason(text=denied("batch")),), execution_role=str(OTHER)
    )
    usage = Usage(newest=True, failed_starts=(start,))
    world = World((task_definition(WEB),), (role(),), (GHCR,), running=usage)
    (finding,) = (each for each in examine(world.facts()).findings if each.check == "task-start-failed")
    assert "secret-access-missing" not in finding.remedy.text
    assert finding.part_of == ""


SAME: dict[str, dict[str, Any]] = {
    "its session": {"reason": denied("web-execution")},
    "its ARN": {"reason": unassumable(OWN)},
    "the same in the overrides": {"reason": "unable to get registry auth from asm", "execution_role": str(OWN)},
    "its session, whatever the overrides say": {"reason": denied("web-execution"), "execution_role": str(OTHER)},
    "a cut name": {"reason": denied("web-execution").partition("ution")[0]},
    "none": {"reason": "unable to get registry auth from asm"},
}


@pytest.mark.parametrize("start", SAME.values(), ids=SAME)
def test_the_task_definitions_own_role_is_not_named_as_another(start: dict[str, Any]) -> None:
    (finding,) = findings(**start)
    assert "The task used the role" not in finding.cause
    assert finding.role == str(OWN)
    assert "Ruled out" in finding.remedy.text


def test_the_task_role_is_named_as_what_it_is() -> None:
    (finding,) = findings(reason=unassumable(OTHER), raw={"taskRoleArn": str(OTHER)})
    assert "it is the task definition's task role, not its execution role" in finding.cause


def test_a_role_from_the_overrides_may_be_the_only_one() -> None:
    (finding,) = findings(reason=denied("batch"), execution_role=str(OTHER), raw={"executionRoleArn": None})
    assert "not the task definition's: that has no execution role" in finding.cause


@pytest.mark.parametrize("reason", [unassumable(OWN), "unable to pull secrets or registry auth: signal: killed"])
def test_without_registry_credentials_the_role_is_for_something_else(reason: str) -> None:
    assert findings(SIDECAR, reason=reason) == []
    assert len(findings(WEB, SIDECAR, reason=reason)) == 1


# --- The image ---------------------------------------------------------------------------------------------------

CANCELED = "CannotPullContainerError: context canceled"
LOOKALIKE = container(GHCR, image="artifactory.example.com/public.ecr.aws/nginx/nginx:1")
DENIED = "CannotPullContainerError: failed to resolve ref artifactory.example.com/public.ecr.aws/nginx/nginx:1: denied"
PULLS: dict[str, tuple[tuple[dict[str, Any], ...], dict[str, Any], int]] = {
    "an image that only looks like one of ECR": ((LOOKALIKE,), {"reason": DENIED}, 1),
    "only images of ECR": ((SIDECAR,), {"reason": CANCELED}, 0),
    "some of ECR": ((WEB, SIDECAR), {"reason": CANCELED}, 1),
    "the container of ECR": ((WEB, SIDECAR), {"reason": CANCELED, "image": ECR}, 0),
    "the other container": ((WEB, SIDECAR), {"reason": CANCELED, "image": IMAGE}, 1),
    "a sidecar that ECS adds": (
        (WEB,),
        {"reason": f"CannotPullContainerError: failed to resolve ref {ECR}: not found", "images": (IMAGE, ECR)},
        0,
    ),
}


@pytest.mark.parametrize(("containers", "start", "count"), PULLS.values(), ids=PULLS)
def test_the_images_decide_whose_pull_it_was(
    containers: tuple[dict[str, Any], ...], start: dict[str, Any], count: int
) -> None:
    assert len(findings(*containers, **start)) == count


SCOPES = {
    "CannotPullContainerError: x509: certificate signed by unknown authority": "certificate of ghcr.io",
    "CannotPullContainerError: toomanyrequests: too many failed login attempts": "locked login at ghcr.io",
    "CannotPullContainerError: unexpected status: 503 Service Unavailable": "registry ghcr.io",
    "CannotPullContainerError: client with IP '203.0.113.9' is not allowed access": "firewall of ghcr.io",
    "CannotPullContainerError: no space left on device": "",
}


@pytest.mark.parametrize(("reason", "scope"), SCOPES.items())
def test_a_fault_of_the_host_is_one_for_all_families(reason: str, scope: str) -> None:
    (finding,) = findings(reason=reason)
    assert finding.scope == scope


def test_a_reason_without_a_check_brings_its_own_fix() -> None:
    (finding,) = findings(reason="CannotPullContainerError: no space left on device")
    assert finding.remedy.text.startswith("On Fargate set ephemeralStorage")


def test_credentials_in_a_url_are_not_repeated() -> None:
    (finding,) = findings(reason='CannotPullContainerError: proxyconnect tcp: dial "http://ci:hunter2@proxy:3128": EOF')
    assert "hunter2" not in str(finding)
    assert "//…@proxy:3128" in finding.evidence


@pytest.mark.parametrize(
    "said",
    [
        "Get https://ghcr.io/token?password=hunter2&account=x: unauthorized",
        "unexpected status code https://x.blob.core.windows.net/b?sig=hunter2: 403",
        "unauthorized: Authorization: Basic hunter2",
        "unauthorized: sent Bearer hunter2",
    ],
)
def test_credentials_in_queries_and_headers_are_not_repeated(said: str) -> None:
    (finding,) = findings(reason=f"CannotPullContainerError: {said}")
    assert "hunter2" not in str(finding)
    assert "…" in finding.evidence


# --- How it is gathered ------------------------------------------------------------------------------------------


def test_a_stopped_task_is_read_with_its_role_and_the_images_of_its_containers() -> None:
    client = boto3.client("ecs", region_name=REGION)
    task = {
        "taskArn": f"{CLUSTER}/1",
        "taskDefinitionArn": str(revision_arn()),
        "stopCode": "TaskFailedToStart",
        "stoppedAt": NOW,
        "stoppedReason": "Task failed to start",
        "overrides": {"executionRoleArn": str(OTHER)},
        "containers": [{"name": "web", "image": IMAGE, "reason": CANCELED}, {"name": "sidecar", "image": ECR}],
    }
    with Stubber(client) as stubber:
        stubber.add_response("list_tasks", {"taskArns": [task["taskArn"]]})
        stubber.add_response("describe_tasks", {"tasks": [task]})
        ((_, start),) = Ecs(client).failed_starts(CLUSTER)
    assert start == FailedStart(
        task_arn=f"{CLUSTER}/1",
        stopped_at=NOW,
        reasons=(Reason(text="Task failed to start"), Reason(text=CANCELED, image=IMAGE, container="web")),
        images=(IMAGE, ECR),
        execution_role=str(OTHER),
    )


# --- The fix -----------------------------------------------------------------------------------------------------


def test_the_fix_points_to_no_secret_where_the_task_definition_names_none() -> None:
    reason = "CannotPullContainerError: pull access denied for acme/web, repository does not exist or may require"
    (without,) = findings(container(image="acme/web:1"), reason=reason)
    assert "the secret that the task definition names" not in without.remedy.text
    assert "names a secret with the registry's credentials in repositoryCredentials" in without.remedy.text
