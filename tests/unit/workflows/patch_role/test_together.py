"""Several task definitions ask for grants on one role: the first message's write serves them all."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pullguard.domain.actions import Grant
from pullguard.domain.policy_document import INLINE_POLICIES_MAX_CHARS, policy_document, render
from pullguard.domain.role import NamedPolicy
from pullguard.domain.role_item import SHOWS_AFTER
from pullguard.domain.role_policy import MAKE_ROOM, NO_ROOM
from pullguard.domain.secret import Secret
from pullguard.domain.stop import Stop, switch_text
from pullguard.store.entries import Entry
from pullguard.workflows.execute import WAITS_S
from pullguard.workflows.reconcile_role import LAST_CHECK_AFTER, NOTHING, RETRY_AFTER
from tests.fakes import World, container, granted, revision_arn, role, secret, task_definition
from tests.flows import request
from tests.unit.workflows.granted_role import ROLE, count_write, holder
from tests.unit.workflows.patch_role.scene import PatchHarness, SetUp

FAMILIES = ("api", "batch", "web")
SECRETS = {each: secret(f"registry/{each}", f"{each}x"[:5].ljust(6, "x")) for each in FAMILIES}
DEFINITIONS = {each: task_definition(container(SECRETS[each]), family=each) for each in FAMILIES}
LACKING = World(tuple(DEFINITIONS.values()), (role(),), tuple(SECRETS.values()))
ALL = tuple(SECRETS.values())
STOP = Stop(by="ada", at="noon")


@pytest.fixture
def here(set_up: SetUp) -> PatchHarness:
    """Three task definitions, for each of which a validation has asked for a grant."""
    harness = set_up(LACKING)
    for family, one in SECRETS.items():
        grant = Grant(task_definition=revision_arn(family), role=ROLE, secret=one.arn, key=None, findings=())
        known = Entry(seen=True)
        harness.harness.ledger.entries.keep_references(
            revision_arn(family), known, frozenset(), {grant: harness.harness.now()}
        )
    return harness


def expect(here: PatchHarness, *secrets: Secret, **changes: Any) -> None:
    here.expect(render(policy_document(granted(*secrets))), **changes)


def patch(here: PatchHarness, family: str) -> Any:
    return here.patch(request(revision_arn(family)), message_id=f"m-{family}")


def reported(here: PatchHarness, event: str) -> list[dict[str, Any]]:
    return [each["remediation"] for each in here.harness.sent.details(event)]


def test_one_write_serves_all_and_each_is_reported_recorded_and_validated(here: PatchHarness) -> None:
    expect(here, *ALL)
    assert patch(here, "web").written
    done = {each["secret"]: each["task_definition"] for each in reported(here, "Remediation Completed")}
    assert done == {str(SECRETS[each].arn): str(revision_arn(each)) for each in FAMILIES}
    item = here.harness.ledger.roles.item(ROLE)
    assert {str(each.granted.secret): each.task_definition for each in item.grants} == done
    assert set(item.counts.values()) == {1}
    bodies = here.harness.sent.bodies("validations")
    delays = [each["DelaySeconds"] for each in here.harness.sent.messages]
    assert delays == [*[WAITS_S[0]] * len(FAMILIES), LAST_CHECK_AFTER.total_seconds()]
    assert {each.get("task_definition") for each in bodies} >= set(done.values())


def test_the_messages_that_follow_read_their_own_and_write_nothing(here: PatchHarness) -> None:
    expect(here, *ALL)
    patch(here, "web")
    here.harness.world.roles, here.harness.world.asked = (holder(*ALL),), []
    result = patch(here, "api")
    assert (result.written, result.why) == (False, NOTHING)
    about = {about for kind, about in here.harness.world.asked if kind in ("secret", "task-definition")}
    assert about == {"api", str(revision_arn("api")), str(SECRETS["api"].arn)}


def test_a_run_that_dies_with_the_needs_of_many_leaves_them_to_the_next_one(here: PatchHarness) -> None:
    expect(here, *ALL, error="ServiceFailure")
    with pytest.raises(ClientError):
        patch(here, "web")
    assert "not known yet" in patch(here, "api").why
    here.harness.later(seconds=SHOWS_AFTER.total_seconds())
    each_alone(here, "batch", "api", "web")


def each_alone(here: PatchHarness, *families: str) -> None:
    """Each message writes its own grant and none of the others'; then all are granted."""
    for number, family in enumerate(families, 1):
        so_far = {*families[:number]}
        expect(here, *(SECRETS[each] for each in FAMILIES if each in so_far))
        assert patch(here, family).written
    assert here.harness.ledger.roles.granted(ROLE) == granted(*ALL)


def test_after_a_refusal_each_message_asks_for_its_own(here: PatchHarness) -> None:
    expect(here, *ALL, error="AccessDenied")
    assert not patch(here, "web").written
    (again,) = here.harness.sent.bodies("validations")
    assert again["task_definition"] == str(revision_arn("web"))
    assert here.harness.sent.messages[0]["DelaySeconds"] == RETRY_AFTER.total_seconds()
    here.harness.later(seconds=RETRY_AFTER.total_seconds())
    each_alone(here, "api", "batch", "web")


@pytest.mark.parametrize("code", ["LimitExceeded", "MalformedPolicyDocument"])
def test_content_that_iam_does_not_take_keeps_only_its_own_grant_out(here: PatchHarness, code: str) -> None:
    expect(here, *ALL, error=code)
    assert not patch(here, "web").written
    assert [each.outcome for each in here.harness.ledger.roles.item(ROLE).writes] == ["refused"]
    failed = reported(here, "Remediation Failed")
    assert {each["secret"] for each in failed} == {str(each.arn) for each in ALL}
    assert all(code in each["why"] and "content of the policy" in each["remedy"] for each in failed)
    for number, family in enumerate(("api", "batch"), 1):
        expect(here, *ALL[:number])
        assert patch(here, family).written
    expect(here, *ALL, error=code)  # the grant that it is about, alone
    assert not patch(here, "web").written
    again = [each for each in here.harness.sent.bodies("validations") if "attempt" not in each and "role" not in each]
    assert [each["task_definition"] for each in again] == [str(revision_arn("web"))]


def test_a_grant_that_finds_no_room_is_refused_and_reported_for_its_own_task_definition(
    here: PatchHarness,
) -> None:
    room = len(render(policy_document(granted(SECRETS["api"], SECRETS["batch"]))))
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    statement["Resource"] += "x" * (INLINE_POLICIES_MAX_CHARS - room - len(render(document)))
    here.harness.world.roles = (role(inline_policies=(NamedPolicy(name="big", document=document),)),)
    expect(here, SECRETS["api"], SECRETS["batch"])
    assert patch(here, "api").written
    (failed,) = reported(here, "Remediation Failed")
    assert (failed["task_definition"], failed["why"], failed["remedy"]) == (
        str(revision_arn("web")),
        NO_ROOM,
        MAKE_ROOM,
    )


def test_a_breaker_that_is_open_for_one_of_them_holds_that_one_back(here: PatchHarness) -> None:
    for _ in range(here.harness.writes_per_hour):
        count_write(here.harness.ledger, SECRETS["batch"].arn, here.harness.now())
    expect(here, SECRETS["api"], SECRETS["web"])
    assert patch(here, "web").written
    (failed,) = reported(here, "Remediation Failed")
    assert failed["secret"] == str(SECRETS["batch"].arn)


@pytest.mark.parametrize("stop", [True, False], ids=["a-stop", "a-hold"])
def test_each_message_reports_its_own_grant_while_nothing_may_be_written(here: PatchHarness, *, stop: bool) -> None:
    if stop:
        here.harness.stop = switch_text(STOP)
    else:
        here.harness.ledger.roles.save_hold(ROLE, STOP)
    patch(here, "web")
    patch(here, "api")
    planned = [each["secret"] for each in reported(here, "Remediation Planned")]
    assert planned == [str(SECRETS["web"].arn), str(SECRETS["api"].arn)]
    assert ("task-definition", str(revision_arn("batch"))) not in here.harness.world.asked


def test_one_that_is_not_proved_any_more_is_left_out(here: PatchHarness) -> None:
    secrets = (SECRETS["api"], replace(SECRETS["batch"], tags={}), SECRETS["web"])
    here.harness.world.secrets = secrets
    expect(here, SECRETS["api"], SECRETS["web"])
    assert patch(here, "web").written
    assert patch(here, "batch").why == NOTHING
