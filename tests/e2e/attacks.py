"""The attacks: how each is mounted, and its permitted effects. No other effect may occur.

``mount`` gets the ground and the attack's name, which its family, role (``NAME-execution``) and secret
(``registry/NAME``) share. By default nothing is written: no policy, no revision.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import ClientError

from pullguard.planning.reregister import REREGISTERED_TAG
from sandbox.demo.evidence import OWN_POLICY, only, reading
from sandbox.runtime.samples import fresh
from sandbox.worlds.demo import CLUSTER
from tests.e2e.attack import DONE, FAILED, OPENED, PLANNED, REFUSED, RESOLVED, Mount, attack, request
from tests.e2e.ground import OTHER_REGION, Ground
from tests.e2e.hostile import FREE_TEXT, HOSTILE_TEXT
from tests.e2e.kept import KEPT
from tests.e2e.starts import STARTED
from tests.e2e.strangers import OBSERVED_SIDECAR, STRANGERS
from tests.e2e.times import TIMES

DEFINITIONS = 200  # that name one role at once
DROPPED = Path(__file__).parents[2] / "events" / "eventbridge" / "register-task-definition-response-dropped.json"


# --- Two keys ------------------------------------------------------------------------------------------------------


def _keys(
    *,
    registry: str | None = "",
    roles: str | None = None,
    managed: str | None = "true",
    image: str | None = None,
    mode: Mapping[str, str] | None = None,
    folder: str = "registry",
    for_containers: bool = False,
) -> Mount:
    """A family that needs a grant, where the owners' tags say this; ``mode`` is the mode's tag by who bears it.

    ``for_containers``: its execution role is its task role as well.
    """

    def mount(ground: Ground, name: str) -> None:
        reported = None if registry is None else registry.replace("GOOD", ground.good)
        tags = {who: {"pullguard:mode": said} for who, said in (mode or {}).items()}
        secret = ground.secret(name, registry=reported, roles=roles, tags=tags.get("secret"), folder=folder)
        keys = {} if managed is None else {"pullguard:managed": managed}
        role = ground.role(name, {**keys, **tags.get("role", {})})
        there = image and image.replace("GOOD", ground.good).replace("EVIL", ground.evil)
        task_role = role if for_containers else None
        ground.define(name, secret, role=role, image=there, tags=tags.get("definition"), task_role=task_role)

    return mount


_CONTAINERS = "is also the task role, so the containers could read the secret"
TWO_KEYS = (
    attack("secret-not-opted-in", _keys(registry=None), "is not opted in", "If this secret holds registry credentials"),
    attack("secret-opted-in-for-other-roles", _keys(roles="web-* api-execution"), "does not name the role"),
    attack("role-not-managed", _keys(managed=None), "has no tag pullguard:managed"),
    attack("role-managed-in-other-words", _keys(managed="TRUE"), "has no tag pullguard:managed"),
    attack("roles-tag-with-a-variable", _keys(roles="* ${aws:username}"), "does not name the role"),
    attack("registry-tag-is-a-wildcard", _keys(registry="*"), "is not opted in"),
    attack("registry-tag-half-parses", _keys(registry="GOOD evil_host!"), "is not opted in"),
    attack("registry-tag-with-a-homoglyph", _keys(registry="dock\u0435r.io"), "is not opted in"),
    attack("registry-tag-with-a-newline", _keys(registry="docker.io\nGOOD\x00"), "is not opted in"),
    attack("registry-tag-of-10-kb", _keys(registry="GOOD " + "a" * 10_240), "is not opted in"),
    attack("evil-image-with-an-opted-in-secret", _keys(image="EVIL/acme/x:1"), "the image is on"),
    attack("secret-outside-the-pattern", _keys(folder="payroll"), "does not match the deployment's pattern registry/*"),
    attack("task-role-that-nobody-named", _keys(for_containers=True), _CONTAINERS),
    attack("task-role-under-a-wildcard", _keys(for_containers=True, roles="*"), _CONTAINERS),
    attack(
        "task-role-that-is-named",
        _keys(for_containers=True, roles="task-role-that-is-*"),
        reported=(OPENED, DONE, RESOLVED),
        granted=("task-role-that-is-named",),
        writes=1,
    ),
)

# A tag on any of the three resources lowers the mode of a stack that remediates. A tag never raises the mode of one
# that observes: test_observe.py shows that with the last of these.
_LOWERED = "only observes here"
MODES = (
    attack("mode-tag-on-the-role", _keys(mode={"role": "observe"}), _LOWERED, reported=(OPENED, PLANNED)),
    attack("mode-tag-on-the-secret", _keys(mode={"secret": "observe"}), _LOWERED, reported=(OPENED, PLANNED)),
    attack("mode-tag-on-the-definition", _keys(mode={"definition": "observe"}), _LOWERED, reported=(OPENED, PLANNED)),
    attack(
        "mode-tag-lowers-whatever-others-say",
        _keys(mode={"role": "remediate", "secret": "observe", "definition": "remediate"}),
        _LOWERED,
        reported=(OPENED, PLANNED),
    ),
    attack(
        "mode-tags-that-raise",
        _keys(mode=dict.fromkeys(("role", "secret", "definition"), "remediate")),
        reported=(OPENED, DONE, RESOLVED),
        granted=("mode-tags-that-raise",),
        writes=1,
    ),
    OBSERVED_SIDECAR,
)

# --- Forged and repeated -------------------------------------------------------------------------------------------


def _forged(*queues: str) -> Mount:
    """A sender to a queue requests a write without the owners' consent."""

    def mount(ground: Ground, name: str) -> None:
        arn = ground.define(name, ground.secret(name, registry=None), role=ground.role(name))
        forged = {"secret": ground.arns[name], "role": f"{name}-execution", "actions": [{"kind": "grant"}]}
        if "ChangeQueue" in queues:
            ground.send("ChangeQueue", fresh(DROPPED.read_text(encoding="utf-8")))
        for queue in queues:
            ground.send(queue, json.dumps({**json.loads(request(arn)), **forged}))

    return mount


def _forged_event(ground: Ground, name: str) -> None:
    arn = ground.define(name, ground.secret(name, registry=None), role=ground.role(name))
    said = {"id": "0123456789abcdef", "task_definition": arn, "cause": "Click https://evil.example"}
    entries = [
        {"DetailType": kind, "Detail": json.dumps({"schema_version": 1, "sequence": 1, what: said})}
        for kind, what in ((OPENED, "finding"), (RESOLVED, "finding"), (DONE, "remediation"))
    ]
    for entry in entries:
        bus = {"Source": "pullguard", "EventBusName": ground.scene.stack.outputs["BusName"]}
        assert ground.client("events").put_events(Entries=[{**entry, **bus}])["FailedEntryCount"] == 0


def _forged_alert(ground: Ground, name: str) -> None:
    """A sender to the alert queue reports a write that never happened."""
    arn = ground.define(name, ground.secret(name, registry=None), role=ground.role(name))
    said = {"id": "fedcba9876543210", "task_definition": arn, "what": "Click https://evil.example", "why": name}
    detail = {"schema_version": 1, "sequence": 1, "remediation": said, "finding": said}
    for kind in (OPENED, DONE):
        ground.send("AlertQueue", json.dumps({"source": "pullguard", "detail-type": kind, "detail": detail}))


def _forged_review(ground: Ground, name: str) -> None:
    """A sender to the grant queue requests a review of a role whose grant exists and is unused."""
    role, own = ground.role(name), only(reading(ground.secret(name)))
    ground.client("iam").put_role_policy(
        RoleName=f"{name}-execution", PolicyName=OWN_POLICY, PolicyDocument=json.dumps(own)
    )
    cause = json.loads(request(role))["cause"]
    ground.send("GrantQueue", json.dumps({"role": role, "cause": cause, "secret": ground.arns[name], "due": True}))


def _forged_steps(ground: Ground, name: str) -> None:
    """A sender to the sweep queue skips pages, and requests the check of a sweep that never started."""
    ground.define(name, ground.secret(name, registry=None), role=ground.role(name))
    steps = ({"sweep": name, "token": "skipped"}, {"sweep": name, "check": 7}, {"sweep": f"{name}!", "check": 99})
    ground.send("SweepQueue", *map(json.dumps, steps))


def _replayed(ground: Ground, name: str) -> None:
    arn = ground.define(name, ground.secret(name), role=ground.role(name))
    ground.send("ValidationQueue", *[request(arn)] * 100)
    ground.send("GrantQueue", *[request(arn)] * 10)


FORGED = (
    attack("forged-grant", _forged("GrantQueue"), "is not opted in"),
    attack("forged-reregistration", _forged("ReregisterQueue"), "is not opted in"),
    attack("forged-validation-and-change", _forged("ValidationQueue", "ChangeQueue", "SweepQueue"), "is not opted in"),
    attack("forged-alert", _forged_alert, "is not opted in", dead="AlertDeadLetters"),
    attack("forged-review", _forged_review, reported=(), granted=("forged-review",)),
    attack("forged-step-of-a-sweep", _forged_steps, "is not opted in", dead="SweepDeadLetters"),
    attack("forged-event-on-the-bus", _forged_event, "is not opted in", dead="AlertDeadLetters"),
    attack(
        "replay-of-100-copies",
        _replayed,
        reported=(OPENED, DONE, RESOLVED),
        granted=("replay-of-100-copies",),
        writes=1,
    ),
)

# --- Who may send ---------------------------------------------------------------------------------------------------


@contextmanager
def _refused(by: str = "AccessDenied") -> Iterator[None]:
    """The calls in this context fail with an error of this code or reason."""
    try:
        yield
    except ClientError as error:
        assert by in str(error), error  # noqa: PT017
    else:
        raise AssertionError(f"this was to be refused with {by}")


def _sent_by_a_stranger(*queues: str) -> Mount:
    """A principal whose own policies allow any queue of the account cannot send to Pullguard's."""

    def mount(ground: Ground, name: str) -> None:
        arn = f"arn:aws:ecs:{ground.scene.aws.region}:{ground.scene.aws.account_id}:task-definition/{name}:1"
        for who in (ground.stranger(name), ground.scene.aws.credentials):
            client = ground.scene.aws.client("sqs", who)
            for queue in queues:
                url = ground.scene.stack.queues[queue]
                fifo = {"MessageGroupId": "x", "MessageDeduplicationId": "x"} if url.endswith(".fifo") else {}
                with _refused():
                    client.send_message(QueueUrl=url, MessageBody=request(arn), **fifo)
                entries = [{"Id": str(number), "MessageBody": request(arn), **fifo} for number in range(2)]
                with _refused():
                    client.send_message_batch(QueueUrl=url, Entries=entries)

    return mount


def _sweep_without_end(ground: Ground, name: str) -> None:
    """A stranger begins another sweep before the last one has come to its end, again and again."""
    client = ground.scene.aws.client("sqs", ground.stranger(name))
    for number in range(5):
        step = json.dumps({"sweep": f"{name}-{number}", "token": None})
        with _refused():
            client.send_message(QueueUrl=ground.scene.stack.queues["SweepQueue"], MessageBody=step)


def _rule_of_a_stranger(ground: Ground, name: str) -> None:
    """A foreign rule delivers its events to Pullguard's queues."""
    ground.role(name)
    events = ground.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    targets = (
        {"Id": queue, "Arn": ground.queue_arn(queue), "Input": json.dumps({"from": name})}
        for queue in ("ChangeQueue", "ChangeDeadLetters")
    )
    events.put_targets(Rule=name, Targets=list(targets))
    answer = events.put_events(Entries=[{"Source": name, "DetailType": "x", "Detail": "{}"}])
    assert answer["FailedEntryCount"] == 0


def _dead_letters_of_a_stranger(ground: Ground, name: str) -> None:
    """SQS moves dead letters without asking a queue's policy: a stranger's queue names Pullguard's as its own."""
    client = ground.scene.aws.client("sqs", ground.stranger(name))
    for queue in ground.scene.stack.queues:
        arn, suffix = ground.queue_arn(queue), ".fifo" if ground.queue_arn(queue).endswith(".fifo") else ""
        attributes = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})}
        attributes |= {"FifoQueue": "true"} if suffix else {}
        with _refused("RedriveAllowPolicy"):
            client.create_queue(QueueName=f"{name}-{queue}{suffix}", Attributes=attributes)


def _moved_by_a_stranger(ground: Ground, name: str) -> None:
    """A stranger moves messages from a queue of their own to Pullguard's."""
    client = ground.scene.aws.client("sqs", ground.stranger(name))
    url = client.create_queue(QueueName=name)["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody="x")
    own = f"arn:aws:sqs:{ground.scene.aws.region}:{ground.scene.aws.account_id}:{name}"
    with _refused():
        client.start_message_move_task(SourceArn=own, DestinationArn=ground.queue_arn("ValidationQueue"))


SENDERS = (
    attack("stranger-sends-change", _sent_by_a_stranger("ChangeQueue", "ChangeDeadLetters"), reported=()),
    attack("stranger-sends-validation", _sent_by_a_stranger("ValidationQueue", "ValidationDeadLetters"), reported=()),
    attack("stranger-sends-grant", _sent_by_a_stranger("GrantQueue", "GrantDeadLetters"), reported=()),
    attack("stranger-sends-reregister", _sent_by_a_stranger("ReregisterQueue", "ReregisterDeadLetters"), reported=()),
    attack("stranger-sends-alert", _sent_by_a_stranger("AlertQueue", "AlertDeadLetters"), reported=()),
    attack("stranger-sends-sweep", _sent_by_a_stranger("SweepQueue", "SweepDeadLetters"), reported=()),
    attack("stranger-restarts-the-sweep", _sweep_without_end, reported=()),
    attack("stranger-has-a-rule", _rule_of_a_stranger, reported=()),
    attack("stranger-has-dead-letters", _dead_letters_of_a_stranger, reported=()),
    attack("stranger-moves-messages", _moved_by_a_stranger, reported=()),
)

# --- Names, quotas, loops ------------------------------------------------------------------------------------------


def _two_regions(*, named_is_opted_in: bool) -> Mount:
    """Two Regions have a secret of one name; only one of them is opted in."""

    def mount(ground: Ground, name: str) -> None:
        here = ground.secret(name, registry=None if named_is_opted_in else "")
        there = ground.secret(name, registry="" if named_is_opted_in else None, region=OTHER_REGION)
        assert here.rpartition("-")[0].replace(ground.scene.aws.region, OTHER_REGION) == there.rpartition("-")[0]
        ground.define(name, there, role=ground.role(name))

    return mount


def _full_role(ground: Ground, name: str) -> None:
    """Other inline policies fill the role up to 10,200 characters."""
    role = ground.role(name)
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:Get*", "Resource": [""]}]}
    bare = len(json.dumps(document, separators=(",", ":")))
    document["Statement"][0]["Resource"] = ["arn:aws:s3:::" + "x" * (10_200 - bare - 13)]  # type: ignore[index]
    text = json.dumps(document, separators=(",", ":"))
    assert len(text) == 10_200
    ground.client("iam").put_role_policy(RoleName=f"{name}-execution", PolicyName="full", PolicyDocument=text)
    ground.define(name, ground.secret(name), role=role)


def _many_definitions(ground: Ground, name: str) -> None:
    """Two hundred families name one role at once, and three secrets between them."""
    role = ground.role(name)
    secrets = [ground.secret(f"{name}-{letter}") for letter in "abc"]
    for number in range(DEFINITIONS):
        ground.define(f"{name}-{number}" if number else name, secrets[number % 3], role=role)


QUOTAS = (
    attack("two-regions-the-other-is-opted-in", _two_regions(named_is_opted_in=False), "is not opted in"),
    attack(
        "two-regions-this-is-opted-in",
        _two_regions(named_is_opted_in=True),
        reported=(OPENED, DONE, RESOLVED),
        granted=(f"{OTHER_REGION}:two-regions-this-is-opted-in",),
        writes=1,
    ),
    attack("role-at-10200-characters", _full_role, "10240", reported=(OPENED,)),
    attack(
        "many-definitions-one-role",
        _many_definitions,
        reported=(OPENED, DONE, RESOLVED),
        granted=tuple(f"many-definitions-one-role-{letter}" for letter in "abc"),
        writes=3,
    ),
)


# --- Left to people ------------------------------------------------------------------------------------------------


def _pinned(ground: Ground, name: str) -> None:
    """A stale reference under a key of the account's own; a service, a rule and a schedule start the revision."""
    key = ground.client("kms").create_key()["KeyMetadata"]["Arn"]
    old = ground.secret(name, key=key)
    ground.client("secretsmanager").delete_secret(SecretId=old, ForceDeleteWithoutRecovery=True)
    role = ground.role(name)
    arn = ground.define(name, old, role=role)
    ground.allow(name, {"secretsmanager:GetSecretValue": ground.secret(name, key=key), "kms:Decrypt": key})
    ground.serve(name, arn)
    ground.send("GrantQueue", request(arn))
    cluster = f"arn:aws:ecs:{ground.scene.aws.region}:{ground.scene.aws.account_id}:cluster/{CLUSTER}"
    target = {"Arn": cluster, "RoleArn": role, "EcsParameters": {"TaskDefinitionArn": arn}}
    ground.client("events").put_rule(Name=f"{name}-nightly", ScheduleExpression="rate(1 day)")
    ground.client("events").put_targets(Rule=f"{name}-nightly", Targets=[{"Id": "1", **target}])
    ground.client("scheduler").create_schedule(
        Name=f"{name}-weekly", ScheduleExpression="rate(7 days)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
    )


def _without_credentials(ground: Ground, name: str) -> None:
    """No credentials at all, and more than one secret that might be meant; both executors are asked to act."""
    arn = ground.define(name, None, role=ground.role(name))
    for queue in ("GrantQueue", "ReregisterQueue"):
        ground.send(queue, request(arn))


def _successor(tags: Mapping[str, str]) -> Mount:
    """A service runs a revision with a stale reference; what Pullguard registered in its place has these tags too."""

    def mount(ground: Ground, name: str) -> None:
        old, role = ground.secret(name), ground.role(name)
        ground.client("secretsmanager").delete_secret(SecretId=old, ForceDeleteWithoutRecovery=True)
        broken = ground.define(name, old, role=role)
        ground.serve(name, broken)
        new = ground.secret(name)
        ground.allow(name, {"secretsmanager:GetSecretValue": new})
        ground.define(name, new, role=role, tags={REREGISTERED_TAG: broken, **tags})

    return mount


LEFT_TO_PEOPLE = (
    attack(
        "successor-that-is-observed",
        _successor({"pullguard:mode": "observe"}),
        "to observe only",
        reported=(OPENED, FAILED),
    ),
    attack(
        "successor-that-is-not-observed",
        _successor({"pullguard:mode": "remediate"}),
        reported=(OPENED, DONE, RESOLVED),
        moved=1,
    ),
    attack(
        "pinned-by-schedules",
        _pinned,
        "pinned-by-schedules-nightly",
        "pinned-by-schedules-weekly",
        "aws scheduler update-schedule",
        reported=(OPENED, DONE, REFUSED),
        registered=1,
        moved=1,
    ),
    attack("no-credentials", _without_credentials, reported=(OPENED,)),
)

ATTACKS = (
    *TWO_KEYS,
    *MODES,
    *HOSTILE_TEXT,
    *FREE_TEXT,
    *FORGED,
    *SENDERS,
    *TIMES,
    *QUOTAS,
    *LEFT_TO_PEOPLE,
    *STARTED,
    *STRANGERS,
    *KEPT,
)
