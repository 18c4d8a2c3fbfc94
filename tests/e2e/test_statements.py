"""Each statement matters: without it, IAM refuses the function's action, which works again once it is back.

Contract tests alone cover some that cannot be missed here: the embedded AWS enforces no OwnLogs, Traces, OwnQueue and
TopicKey; and the topic's own policy names the role that Publish is for, as it would in AWS.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.demo.progress import wait_until
from sandbox.demo.scene import Scene, about
from sandbox.emulator import Call
from tests.e2e.families import family, fresh

REFUSED_WITHIN_S = 60
HEALED_WITHIN_S = 180
POLICY = "least-privilege"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement of a function's role, an action that is refused without it, and the start of the function's attempt.

    ``then`` is the letter about the family afterwards: healed, since the message was retried; or a refused write, which
    is reported and retried by the next validation. No family involved: None.
    """

    function: str
    sid: str
    refused: str
    stir: Callable[[Scene, str], None]
    then: str | None = None

    @property
    def title(self) -> str:
        return f"{self.function}-{self.sid}"


def _stale_family(scene: Scene, name: str) -> None:
    scene.load(family(name, stale=True))


def _sweep(scene: Scene, name: str) -> None:
    _send(scene, "SweepQueue", {"sweep": name, "token": None})


def _nonsense(queue: str) -> Callable[[Scene, str], None]:
    def stir(scene: Scene, name: str) -> None:
        _send(scene, queue, {"nonsense": name})

    return stir


def _send(scene: Scene, queue: str, message: dict[str, Any]) -> None:
    scene.send(queue, json.dumps(message))


RESOLVE, VALIDATE = "ResolveChangeFunction", "ValidateTaskDefinitionFunction"
PATCH, REREGISTER = "PatchExecutionRoleFunction", "ReregisterTaskDefinitionFunction"
ALERT, SWEEP = "PublishAlertFunction", "SweepAccountFunction"


OPENED, HEALED = "Finding Opened", "Finding Resolved"
REPORTED, DONE = "Remediation Failed", "Remediation Completed"


def _on_the_path(function: str, sid: str, refused: str, then: str = HEALED) -> Statement:
    return Statement(function=function, sid=sid, refused=refused, stir=_stale_family, then=then)


STATEMENTS = (
    # First those that are not tried again, so that nothing of an earlier test comes back and meets them.
    _on_the_path(PATCH, "ManagedRolesOnly", "iam:PutRolePolicy", REPORTED),
    _on_the_path(REREGISTER, "RegisterRevisions", "ecs:RegisterTaskDefinition", REPORTED),
    _on_the_path(REREGISTER, "TagNewRevisions", "ecs:RegisterTaskDefinition", REPORTED),
    _on_the_path(REREGISTER, "PassTheSameRoles", "ecs:RegisterTaskDefinition", REPORTED),
    _on_the_path(REREGISTER, "MoveServices", "ecs:UpdateService", REPORTED),
    _on_the_path(RESOLVE, "AskForValidation", "sqs:SendMessage"),
    _on_the_path(VALIDATE, "Remember", "dynamodb:Query"),
    _on_the_path(VALIDATE, "Report", "events:PutEvents"),
    _on_the_path(VALIDATE, "AskForGrant", "sqs:SendMessage"),
    _on_the_path(VALIDATE, "AskForReregistration", "sqs:SendMessage"),
    _on_the_path(PATCH, "Remember", "dynamodb:Query"),
    _on_the_path(ALERT, "ReadAndMark", "dynamodb:GetItem"),
    Statement(
        function=SWEEP,
        sid="FamiliesAndWhereTheyRun",
        refused="ecs:ListTaskDefinitionFamilies",
        stir=_sweep,
    ),
    Statement(function=SWEEP, sid="AskForValidation", refused="sqs:SendMessage", stir=_sweep),
    Statement(function=RESOLVE, sid="OwnDeadLetters", refused="sqs:SendMessage", stir=_nonsense("ChangeQueue")),
)


@pytest.fixture(scope="module")
def lacking() -> dict[str, Statement]:
    """The families that were stirred while a statement was lacking."""
    return {}


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.title)
def test_without_the_statement_the_path_fails(
    hastened: Scene, lacking: dict[str, Statement], statement: Statement
) -> None:
    name = fresh("lacking")
    with _without(hastened, statement):
        began = hastened.aws.calls()[-1].epoch_s
        statement.stir(hastened, name)
        refusals = wait_until(lambda: _refusals(hastened, statement, began), timeout_s=REFUSED_WITHIN_S)
        assert refusals, f"nobody missed {statement.title}"
        assert HEALED not in _reported(hastened, name)
        if statement.then == REPORTED:
            assert wait_until(lambda: REPORTED in _reported(hastened, name), timeout_s=REFUSED_WITHIN_S)
    lacking[name] = statement


def test_with_every_statement_back_the_path_ends_as_it_should(scene: Scene, lacking: dict[str, Statement]) -> None:
    def unended() -> dict[str, str]:
        reported = {name: _reported(scene, name) for name in lacking}
        return {
            statement.title: statement.then
            for name, statement in lacking.items()
            if statement.then and not _ended(statement.then, reported[name])
        }

    wait_until(lambda: not unended(), timeout_s=HEALED_WITHIN_S)
    assert unended() == {}


def _ended(then: str, reported: set[str]) -> bool:
    """Whether the scenario ended as expected; a fault that is fixed before its alert appears as the fix alone."""
    return then in reported or (then == HEALED and DONE in reported and OPENED not in reported)


def _refusals(scene: Scene, statement: Statement, since_epoch_s: float) -> list[Call]:
    role = scene.roles[statement.function]
    return [
        call
        for call in scene.calls(since_epoch_s=since_epoch_s)
        if (call.role, f"{call.service}:{call.action}".removesuffix("Batch")) == (role, statement.refused)
        and "AccessDenied" in (call.error or "")
    ]


def _reported(scene: Scene, name: str) -> set[str]:
    """Return the kinds of what people have read about a family."""
    return {letter.attributes["kind"] for letter in about(scene.letters(), name)}


@contextmanager
def _without(scene: Scene, statement: Statement) -> Iterator[None]:
    """Take a statement out of a function's role, and put it back."""
    iam, role = scene.aws.client("iam"), scene.roles[statement.function]
    whole = iam.get_role_policy(RoleName=role, PolicyName=POLICY)["PolicyDocument"]
    rest = [each for each in whole["Statement"] if each["Sid"] != statement.sid]
    assert len(rest) == len(whole["Statement"]) - 1
    iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps({**whole, "Statement": rest}))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps(whole))
