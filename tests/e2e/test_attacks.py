"""The attacks of attacks.py, all at once, against a deployed stack that remediates; then those that need the moment.

Each is judged by what is there afterwards and by CloudTrail's record of who wrote what, never by Pullguard's word.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.demo import secrecy
from sandbox.demo.evidence import FORMER_POLICY, OWN_POLICY, only, reading
from sandbox.demo.progress import Progress, insist, wait_until
from sandbox.demo.scene import Scene, about, deploy
from sandbox.emulator import ACCOUNT, REGION, Call, Emulator
from sandbox.inbox import Letter
from sandbox.worlds.demo import CLUSTER
from tests.e2e.attack import DONE, FAILED, OPENED, RESOLVED, Attack, request
from tests.e2e.attacks import ATTACKS, SENDERS
from tests.e2e.ground import Ground, written
from tests.e2e.kept import PASTED
from tests.e2e.rotations import logged
from tests.e2e.stacks import Used
from tests.e2e.strangers import REGISTRIES
from tests.e2e.times import rotation
from tests.registry.recording import Recording, Reply, recording

WRITES_PER_HOUR = 5
PARAMETERS = {
    "Mode": "remediate",
    "MoveServices": "true",
    "VerifyCredentials": "true",
    "WritesPerHour": str(WRITES_PER_HOUR),
    "RegistrySecretPattern": "registry/*",
}
WITHIN_S = 120
LINK = re.compile(r"https?://([^/\s]*)")
OURS = (".aws.amazon.com", ".docker.com")


@dataclass(frozen=True, slots=True, kw_only=True)
class Siege:
    """The ground after all attacks, and everything that came of them."""

    ground: Ground
    good: Recording
    evil: Recording
    letters: tuple[Letter, ...]
    calls: tuple[Call, ...]
    written: Counter[tuple[str, str]]
    dead: dict[str, list[dict[str, Any]]]


def _registry(served: Callable[[], Recording]) -> Callable[[Any], Reply]:
    """A registry that wants credentials and takes any."""

    def answer(request: Any) -> Reply:
        if request.authorization is None:
            return Reply(status=401, headers=(("WWW-Authenticate", 'Basic realm="recording"'),))
        return Reply(status=200)

    return answer


@pytest.fixture(scope="module")
def registries() -> Iterator[tuple[Recording, Recording]]:
    with recording() as good, recording() as evil:
        good.script = evil.script = _registry(lambda: good)
        yield good, evil


@pytest.fixture(scope="module")
def ground(built: Path, registries: tuple[Recording, Recording], used: Used) -> Iterator[Ground]:
    good, evil = registries
    with ExitStack() as stack, Emulator() as aws:
        own = {name: stack.enter_context(recording(script)).host for name, script in REGISTRIES.items()}
        scene = deploy(aws, built, PARAMETERS, Progress(quiet=True))
        used.watch(scene)
        yield Ground(scene=scene, good=good.host, evil=evil.host, registries=own)


@pytest.fixture(scope="module")
def siege(ground: Ground, registries: tuple[Recording, Recording]) -> Siege:
    """All attacks at once."""
    scene = ground.scene
    scene.hold()
    for attack in ATTACKS:
        attack.mount(ground, attack.name)
    scene.release()
    scene.settle(timeout_s=900)  # 300 s were too few on a busy machine of two cores
    good, evil = registries
    return Siege(
        ground=ground,
        good=good,
        evil=evil,
        letters=scene.letters(),
        calls=scene.calls(),
        written=written(scene),
        dead={name: _dead_letters(scene, name) for name in scene.stack.queues if name.endswith("DeadLetters")},
    )


def _dead_letters(scene: Scene, name: str) -> list[dict[str, Any]]:
    client, url = scene.aws.client("sqs"), scene.stack.queues[name]
    found: list[dict[str, Any]] = []
    while some := client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=600
    ).get("Messages"):
        found += some
    return found


ALL = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)


@ALL
def test_only_changes_that_both_owners_consented_to_are_written(siege: Siege, attack: Attack) -> None:
    secrets = [siege.ground.arns[name] for name in attack.granted]
    theirs = attack.stays(siege.ground.arns[f"{attack.name}-beside"]) if attack.stays else ()
    own = {OWN_POLICY: only(reading(*sorted(secrets)), *theirs)} if secrets else {}
    policies = siege.ground.policies(attack.name)
    assert {name: each for name, each in policies.items() if name.startswith(FORMER_POLICY)} == own
    written = siege.written["PutRolePolicy", f"{attack.name}-execution"]
    assert min(attack.writes, 1) <= written <= attack.writes


@ALL
def test_alerts_contain_no_text_of_the_attacker(siege: Siege, attack: Attack) -> None:
    letters = _letters(siege, attack)
    kinds = {letter.attributes["kind"] for letter in letters}
    # A fault that is fixed before its alert appears only in the report of the fix.
    silent = {OPENED, RESOLVED} if DONE in attack.reported else set()
    assert attack.reported - silent <= kinds <= attack.reported
    text = "\n".join(f"{letter.subject}\n{letter.text}" for letter in letters)
    assert all(word in text for word in attack.words), text


def _letters(siege: Siege, attack: Attack) -> tuple[Letter, ...]:
    """Return the letters about an attack's families; one letter may cover several families."""
    several = (letter for letter in siege.letters if "several" in letter.families)
    own = re.compile(rf"{re.escape(attack.name)}(-[0-9]+)?")
    mine = (letter for letter in siege.letters if own.fullmatch(letter.attributes.get("family", "")))
    return (*mine, *(letter for letter in several if attack.name in letter.text))


def test_nothing_else_is_written(siege: Siege) -> None:
    allowed = Counter[tuple[str, str]]()
    for attack in ATTACKS:
        policy = ("PutRolePolicy", f"{attack.name}-execution")
        allowed[policy] += siege.written[policy] if attack.writes > 1 else attack.writes
        allowed["RegisterTaskDefinition", attack.name] += attack.registered
        moved = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{CLUSTER}/{attack.name}"
        allowed["UpdateService", moved] += attack.moved
    assert siege.written == +allowed


def test_no_alert_has_a_strangers_link_or_line(siege: Siege) -> None:
    for letter in siege.letters:
        whole = f"{letter.subject}\n{letter.text}"
        assert "://evil" not in whole
        assert {link for link in LINK.findall(whole) if not link.endswith(OURS)} == set()
        assert not any(line.startswith("Subject: [Pullguard] all is well") for line in whole.splitlines())
        assert "\x1b" not in whole
        assert "\u202e" not in whole
        assert "\n" not in letter.subject


def test_no_credentials_left_for_the_evil_registry(siege: Siege) -> None:
    assert [each.path for each in siege.evil.requests if each.authorization] == []
    assert siege.evil.requests == []
    assert [each.path for each in siege.good.requests if each.authorization], "the good one was never asked"


def test_no_password_is_anywhere(siege: Siege) -> None:
    passwords = siege.ground.passwords | {"-unmistakable"}
    for place in secrecy.places(siege.ground.scene, siege.letters):
        assert place.texts or not place.must_hold_something
        assert list(place.found(passwords)) == []


def test_no_token_that_was_pasted_is_repeated(siege: Siege) -> None:
    scene = siege.ground.scene
    repeated = ("the functions' logs", "alerts", "the ledger")  # CloudTrail and Amazon ECS have what was registered
    ours = [json.dumps(event, default=str) for event in scene.aws.events() if event["Source"] == "pullguard"]
    assert ours
    assert [text[:60] for text in ours if any(token in text for token in PASTED)] == []
    for place in secrecy.places(scene, siege.letters):
        if place.name in repeated:
            assert list(place.found(PASTED)) == []


def test_no_log_line_is_forged(siege: Siege) -> None:
    for function in siege.ground.scene.stack.functions:
        lines = siege.ground.scene.stack.logs(function)
        assert not any('"message":"forged"' in line and line.startswith('{"level":"ERROR"') for line in lines)


@pytest.mark.parametrize("attack", [each for each in ATTACKS if each.dead], ids=lambda attack: attack.name)
def test_an_unhandled_message_is_in_the_dead_letters_with_its_reason(siege: Siege, attack: Attack) -> None:
    assert attack.dead is not None
    letters = siege.dead[attack.dead]
    assert any(attack.name in letter["Body"] for letter in letters)
    assert all(letter["MessageAttributes"]["reason"]["StringValue"] for letter in letters)


@pytest.mark.parametrize("attack", SENDERS, ids=lambda attack: attack.name)
def test_nothing_of_a_strangers_got_into_a_queue(siege: Siege, attack: Attack) -> None:
    assert [
        letter["Body"] for letters in siege.dead.values() for letter in letters if attack.name in letter["Body"]
    ] == []
    lines = (
        line for function in siege.ground.scene.stack.functions for line in siege.ground.scene.stack.logs(function)
    )
    assert [line for line in lines if attack.name in line] == []


def test_no_function_was_refused_by_iam(siege: Siege) -> None:
    denied = [(call.role, call.action) for call in siege.calls if call.error and "AccessDenied" in call.error]
    assert denied == []


# --- The moment between the proof and the write ----------------------------------------------------------------------


def _untag_secret(ground: Ground, name: str) -> None:
    manager = ground.client("secretsmanager")
    manager.untag_resource(SecretId=ground.arns[name], TagKeys=["pullguard:registry"])


def _untag_role(ground: Ground, name: str) -> None:
    ground.client("iam").untag_role(RoleName=f"{name}-execution", TagKeys=["pullguard:managed"])


def _swap_secret(ground: Ground, name: str) -> None:
    ground.client("secretsmanager").delete_secret(SecretId=ground.arns[name], ForceDeleteWithoutRecovery=True)
    ground.secret(name, registry=None)


def _observe_secret(ground: Ground, name: str) -> None:
    tags = [{"Key": "pullguard:mode", "Value": "observe"}]
    ground.client("secretsmanager").tag_resource(SecretId=ground.arns[name], Tags=tags)


def _observe_definition(ground: Ground, name: str) -> None:
    arn = ground.client("ecs").describe_task_definition(taskDefinition=name)["taskDefinition"]["taskDefinitionArn"]
    ground.client("ecs").tag_resource(resourceArn=arn, tags=[{"key": "pullguard:mode", "value": "observe"}])


def _half_untag_secret(ground: Ground, name: str) -> None:
    tags = [{"Key": "pullguard:registry", "Value": f"{ground.good} evil_host!"}]
    ground.client("secretsmanager").tag_resource(SecretId=ground.arns[name], Tags=tags)


REVOKED, IS_REFUSED, REMAINS = "revoked", "refused by IAM", "remains"
# A task definition's tags affect only its own need, and a secret that is gone can be read by nobody.
MOMENTS: dict[str, tuple[Callable[[Ground, str], None], str]] = {
    "secret-untagged-before-the-write": (_untag_secret, REVOKED),
    "role-untagged-before-the-write": (_untag_role, IS_REFUSED),
    "secret-swapped-before-the-write": (_swap_secret, REMAINS),
    "secret-observed-before-the-write": (_observe_secret, REVOKED),
    "definition-observed-before-the-write": (_observe_definition, REMAINS),
    "secrets-tag-garbled-before-the-write": (_half_untag_secret, REVOKED),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_a_change_between_proof_and_write_leaves_no_grant_without_consent(siege: Siege, name: str) -> None:
    ground = siege.ground
    step_in, ends = MOMENTS[name]
    with ground.scene.aws.hold_calls("PutRolePolicy", f"{name}-execution") as held:
        role, secret = ground.role(name), ground.secret(name)
        ground.define(name, secret, role=role)
        insist(held, "the write was never tried", timeout_s=WITHIN_S)
        step_in(ground, name)
    ground.scene.settle()
    _reconcile_once_more(ground, role)
    policies = ground.policies(name)
    assert policies == ({OWN_POLICY: only(reading(secret))} if ends == REMAINS else {})
    letters = about(ground.scene.letters(), name)
    done = [each.subject for each in letters if each.attributes["kind"] == DONE]
    assert [("revoked" in each, "granted" in each) for each in done] == DEEDS[ends]
    failed = [each.text for each in letters if each.attributes["kind"] == FAILED]
    assert ["AWS refused iam:PutRolePolicy" in each for each in failed] == [True] * (ends == IS_REFUSED)


DEEDS = {REVOKED: [(False, True), (True, False)], REMAINS: [(False, True)], IS_REFUSED: []}


def _reconcile_once_more(ground: Ground, role: str) -> None:
    """Reconcile a role, as happens fifteen minutes after every write, without waiting for it."""
    since = time.time()
    cause = json.loads(request(role))["cause"]
    ground.send("GrantQueue", json.dumps({"role": role, "cause": cause}))
    patched = "PatchExecutionRoleFunction"
    insist(
        lambda: logged(ground.scene, patched, "Withdrawn", since_epoch_s=since),
        "the reconciliation",
        timeout_s=WITHIN_S,
    )
    ground.scene.settle()


def test_a_rotation_of_another_time_silences_no_later_one_and_no_text_of_an_event_is_quoted(siege: Siege) -> None:
    ground, name = siege.ground, "rotation-that-quotes"
    secret = ground.secret(name)
    ground.role(name)
    ground.allow(name, {"secretsmanager:GetSecretValue": secret})
    ground.client("secretsmanager").rotate_secret(SecretId=secret, RotationRules={"AutomaticallyAfterDays": 30})
    ground.define(name, secret, role=f"arn:aws:iam::{ACCOUNT}:role/{name}-execution")
    ground.scene.settle()

    click = "Click https://evil.example"
    for event_id, at in (("r-1", datetime(2099, 1, 1, tzinfo=UTC)), ("r-2", None)):
        ground.send("ChangeQueue", rotation("rotation-failed", secret, event_id, at=at, error=click))
    (opened,) = insist(lambda: about(ground.scene.letters(), name), "that it failed", timeout_s=WITHIN_S)
    assert opened.attributes["check"] == "secret-rotation-failed"
    assert "2099" not in opened.text
    assert "evil" not in opened.text

    ground.client("secretsmanager").rotate_secret(SecretId=secret)
    insist(lambda: len(about(ground.scene.letters(), name)) > 1, "that it succeeded", timeout_s=WITHIN_S)
    assert about(ground.scene.letters(), name)[1].attributes["kind"] == RESOLVED
    ground.scene.settle()


def test_repeated_registrations_of_the_old_revision_are_left_to_people(siege: Siege) -> None:
    ground, name = siege.ground, "registered-in-a-loop"
    old = ground.secret(name)
    ground.client("secretsmanager").delete_secret(SecretId=old, ForceDeleteWithoutRecovery=True)
    role, new = ground.role(name), ground.secret(name)
    ground.allow(name, {"secretsmanager:GetSecretValue": new})

    def ours() -> int:
        return written(ground.scene)["RegisterTaskDefinition", name]

    for turn in range(1, WRITES_PER_HOUR + 2):
        ground.define(name, old, role=role)
        assert wait_until(lambda turn=turn: ours() >= turn or _limit_hit(ground, name), timeout_s=WITHIN_S)  # type: ignore[misc]
    ground.scene.settle()
    assert ours() == WRITES_PER_HOUR
    assert _limit_hit(ground, name)


def _limit_hit(ground: Ground, name: str) -> bool:
    said = f"was written to {WRITES_PER_HOUR} times in this hour"
    return any(said in letter.text for letter in about(ground.scene.letters(), name))


def test_a_change_that_a_dead_run_had_taken_up_is_handled_once_its_dead_letter_is_moved_back(siege: Siege) -> None:
    """The last of these: it empties the dead letters of changes, and what fails comes back at once from here on."""
    ground, name = siege.ground, "redriven"
    scene = ground.scene
    scene.stack.hasten_retries()
    role, iam = scene.roles["ResolveChangeFunction"], ground.client("iam")
    whole = iam.get_role_policy(RoleName=role, PolicyName="least-privilege")["PolicyDocument"]
    rest = [each for each in whole["Statement"] if each["Sid"] != "AskForValidation"]
    its, secret = ground.role(name), ground.secret(name)
    scene.settle()
    dead = scene.stack.depths()["ChangeDeadLetters"]
    iam.put_role_policy(
        RoleName=role, PolicyName="least-privilege", PolicyDocument=json.dumps({**whole, "Statement": rest})
    )
    try:
        ground.define(name, secret, role=its)
        insist(lambda: scene.stack.depths()["ChangeDeadLetters"] > dead, "the dead letter", timeout_s=WITHIN_S)
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="least-privilege", PolicyDocument=json.dumps(whole))
    assert OWN_POLICY not in ground.policies(name)

    scene.redrive("ChangeQueue")
    insist(lambda: OWN_POLICY in ground.policies(name), "the grant", timeout_s=WITHIN_S)
    scene.settle()
