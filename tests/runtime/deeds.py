"""Each function's work: its input, the services that it calls, and its writes.

Each deed starts from the same state (`rewind`), so that repetitions do the same work.
"""

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pullguard.domain.messages import FamilyRequest, ValidationRequest
from sandbox.agent import fetch
from sandbox.demo.evidence import OWN_POLICY
from sandbox.demo.scene import Scene
from sandbox.runtime.local import sqs_event
from sandbox.runtime.samples import EVENTS, WEB, fresh, remember
from sandbox.worlds import demo

WORKER = WEB.replace("/web:", "/worker:")
REGISTERED = ("family", "executionRoleArn", "requiresCompatibilities", "containerDefinitions", "cpu", "memory")
GRANTED = ("web", "worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One function's work. ``samples`` are files of events/; ``done`` asserts on what was written since ``given``.

    ``given`` brings about what the work starts from, beside the world as it was loaded; ``opened`` are the items of
    the ledger after a validation of web.
    """

    function: str
    samples: tuple[str, ...]
    services: tuple[str, ...]
    given: Callable[[Scene, "Opened"], None] = lambda _scene, _opened: None
    done: Callable[[Scene], None]

    @property
    def logical_id(self) -> str:
        return f"{''.join(part.title() for part in self.function.split('_'))}Function"

    def event(self, scene: Scene) -> dict[str, Any]:
        """The samples as they come from a queue; worker's revision is the one that is broken now."""
        newest = f'"{worker(scene)["taskDefinitionArn"]}"'
        return sqs_event(*(sample(each).replace(f'"{WORKER}"', newest) for each in self.samples), group="group")


Opened = Callable[[], Mapping[tuple[str, str], Any]]


def sample(name: str) -> str:
    return fresh((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


# --- the state ---


def items(scene: Scene) -> dict[tuple[str, str], Any]:
    """Everything in the stack's ledger."""
    found = scene.aws.client("dynamodb").scan(TableName=scene.stack.resources["Ledger"])["Items"]
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in found}


def messages(scene: Scene, queue: str) -> list[dict[str, Any]]:
    """Take all messages out of a queue of the stack (its logical id)."""
    client, url = scene.aws.client("sqs"), scene.stack.queues[queue]
    taken: list[dict[str, Any]] = []
    while some := client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
    ).get("Messages"):
        for each in some:
            client.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        taken += some
    return taken


def requests(scene: Scene, queue: str) -> list[ValidationRequest]:
    return [ValidationRequest.parse(each["Body"]) for each in messages(scene, queue)]


def purge(scene: Scene) -> None:
    """Empty all queues of the stack."""
    for url in scene.stack.queues.values():
        scene.aws.client("sqs").purge_queue(QueueUrl=url)


def rewind(scene: Scene) -> None:
    """Undo whatever a function did: the world as it was loaded, empty queues, a ledger that knows web alone."""
    dynamodb, iam, ecs = (scene.aws.client(name) for name in ("dynamodb", "iam", "ecs"))
    for pk, sk in items(scene):
        dynamodb.delete_item(TableName=scene.stack.resources["Ledger"], Key={"pk": {"S": pk}, "sk": {"S": sk}})
    for family in GRANTED:
        with contextlib.suppress(iam.exceptions.NoSuchEntityException):
            iam.delete_role_policy(RoleName=demo.role_name(family), PolicyName=OWN_POLICY)
    if reference(newest := worker(scene)) == secret(scene, "worker"):  # fixed: broken again, by another revision
        first = ecs.describe_task_definition(taskDefinition=WORKER)["taskDefinition"]
        registered = ecs.register_task_definition(**{key: first[key] for key in REGISTERED if first.get(key)})
        newest = registered["taskDefinition"]
        ecs.update_service(cluster=demo.CLUSTER, service="worker", taskDefinition=newest["taskDefinitionArn"])
    assert reference(newest) != secret(scene, "worker")
    remember(scene)
    purge(scene)


def worker(scene: Scene) -> Any:
    """Worker's newest revision, as ECS describes it."""
    return scene.aws.client("ecs").describe_task_definition(taskDefinition="worker")["taskDefinition"]


def reference(task_definition: Any) -> str:
    """Return the credentials reference of a task definition's only container."""
    (container,) = task_definition["containerDefinitions"]
    return str(container["repositoryCredentials"]["credentialsParameter"])


def readable(scene: Scene, family: str) -> bool:
    """Whether a family's execution role reads its secret, asked as the agent asks."""
    return fetch(scene.aws, scene.names[f"role:{family}-execution"], secret(scene, family)).ok


def secret(scene: Scene, family: str) -> str:
    """The ARN of a family's secret as it is now."""
    return scene.names[f"secret:{demo.SECRETS[family]}"]


# --- what is given ---


def _granted(scene: Scene, _opened: Opened) -> None:
    """Worker's role may read the secret that worker should name: grants come first (docs/adr/0004-grants-first.md)."""
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret(scene, "worker")}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    scene.aws.client("iam").put_role_policy(
        RoleName=demo.role_name("worker"), PolicyName=OWN_POLICY, PolicyDocument=document
    )


def _found_broken(scene: Scene, opened: Opened) -> None:
    """The ledger holds what a validation of web wrote."""
    after = opened()
    for item in after.values():
        scene.aws.client("dynamodb").put_item(TableName=scene.stack.resources["Ledger"], Item=item)
    purge(scene)
    scene.inbox.clear()


# --- what is written ---


def _web_is_to_be_validated(scene: Scene) -> None:
    assert "web:7" in [request.task_definition.resource_name for request in requests(scene, "ValidationQueue")]


def _findings_are_open(scene: Scene) -> None:
    assert {str(request.task_definition) for request in requests(scene, "GrantQueue")} == {
        WEB,
        worker(scene)["taskDefinitionArn"],
    }
    facts = [json.loads(each["Body"]) for each in messages(scene, "AlertQueue")]
    assert {(each["detail-type"], each["detail"].get("finding", {}).get("check")) for each in facts} >= {
        ("Finding Opened", "secret-access-missing")
    }
    finding = json.loads(sample("messages/finding-opened"))["detail"]["finding"]["id"]
    assert (f"TD#{WEB}", f"FINDING#{finding}") in items(scene)


def _roles_may_read(scene: Scene) -> None:
    for family in GRANTED:
        assert OWN_POLICY in scene.aws.client("iam").list_role_policies(RoleName=demo.role_name(family))["PolicyNames"]
        assert readable(scene, family)


def _worker_is_re_registered(scene: Scene) -> None:
    assert reference(worker(scene)) == secret(scene, "worker")


def _an_alert_is_published(scene: Scene) -> None:
    (letter,) = scene.inbox.wait_for(1)
    assert (letter.attributes["check"], letter.attributes["family"]) == ("secret-access-missing", "web")
    assert not [password for password in scene.passwords if password in letter.text]


def _all_families_are_asked_about(scene: Scene) -> None:
    asked = {FamilyRequest.parse(each["Body"]).family for each in messages(scene, "ValidationQueue")}
    assert asked >= set(demo.SECRETS)


DEEDS = (
    Deed(
        function="resolve_change",
        samples=("eventbridge/register-task-definition",),
        services=("dynamodb", "sqs"),
        done=_web_is_to_be_validated,
    ),
    Deed(
        function="validate_task_definition",
        samples=("messages/validate-web", "messages/validate-worker"),
        services=("dynamodb", "ecs", "events", "iam", "secretsmanager", "sqs"),
        done=_findings_are_open,
    ),
    Deed(
        function="publish_alert",
        samples=("messages/finding-opened",),
        services=("dynamodb", "sns"),
        given=_found_broken,
        done=_an_alert_is_published,
    ),
    Deed(
        function="patch_execution_role",
        samples=("messages/validate-web", "messages/validate-worker"),
        services=("dynamodb", "ecs", "events", "iam", "secretsmanager", "sqs", "ssm"),
        done=_roles_may_read,
    ),
    Deed(
        function="reregister_task_definition",
        samples=("messages/validate-worker",),
        services=("dynamodb", "ecs", "events", "iam", "secretsmanager", "sqs", "ssm"),
        given=_granted,
        done=_worker_is_re_registered,
    ),
    Deed(
        function="sweep_account",
        samples=("messages/sweep-is-due", "messages/sweep-first-page"),
        services=("dynamodb", "ecs", "events", "scheduler", "sqs"),
        done=_all_families_are_asked_about,
    ),
)
