"""Writes to a role: the exact request, the statements that stay beside the new need, and when nothing is written."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pullguard.domain.messages import Review
from pullguard.domain.policy_document import POLICY_NAME, parse_own, policy_document, render
from pullguard.domain.role import NamedPolicy
from pullguard.domain.role_item import SHOWS_AFTER, GrantRecord, PolicyWrite
from pullguard.domain.usage import Usage
from pullguard.store.ledger import Ledger
from pullguard.workflows.execute import WAITS_S
from pullguard.workflows.reconcile_role import LAST_CHECK_AFTER, NOTHING
from tests.fakes import (
    NOW,
    World,
    container,
    denied,
    granted,
    key,
    revision_arn,
    role,
    role_arn,
    secret,
    task_definition,
)
from tests.flows import ASKED_FOR, CAUSE, OWN_POLICY, request
from tests.unit.workflows.granted_role import ROLE, YESTERDAY, a_write, holder, keep, recorded
from tests.unit.workflows.patch_role.scene import BROKEN, DATABASE, GHCR, HUB, KEYED, SetUp, own


def test_the_exact_request_is_made_and_reported(set_up: SetUp) -> None:
    here = set_up(World((task_definition(container(KEYED)),), (role(),), (KEYED,)))
    here.expect(
        json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "PullguardSecrets",
                        "Effect": "Allow",
                        "Action": "secretsmanager:GetSecretValue",
                        "Resource": ["arn:aws:secretsmanager:us-east-1:111122223333:secret:keyed-KeyKey"],
                    },
                    {
                        **policy_document(granted(KEYED))["Statement"][1],
                        "Effect": "Allow",
                        "Action": "kms:Decrypt",
                        "Resource": ["arn:aws:kms:us-east-1:111122223333:key/00000001-12ab-34cd-56ef-1234567890ab"],
                        "Condition": {
                            "StringEquals": {
                                "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com",
                                "kms:EncryptionContext:SecretARN": [
                                    "arn:aws:secretsmanager:us-east-1:111122223333:secret:keyed-KeyKey"
                                ],
                            }
                        },
                    },
                ],
            },
            separators=(",", ":"),
            sort_keys=True,
        )
    )
    assert here.patch().written
    (detail,) = here.harness.sent.details("Remediation Completed")
    assert detail["remediation"]["target"] == str(role_arn())
    assert detail["remediation"]["before"] is None
    assert parse_own(detail["remediation"]["after"])[0] == granted(KEYED)
    again, last = here.harness.sent.bodies("validations")
    assert (again["task_definition"], again["attempt"]) == (str(revision_arn()), 1)
    assert last == json.loads(Review(role=ROLE, provenance=CAUSE).to_json())
    assert [each["DelaySeconds"] for each in here.harness.sent.messages] == [
        WAITS_S[0],
        LAST_CHECK_AFTER.total_seconds(),
    ]


def test_the_write_is_remembered_before_it_is_made_and_its_grants_after(set_up: SetUp, ledger: Ledger) -> None:
    here = set_up(BROKEN)
    here.expect(render(policy_document(granted(GHCR))), error="ServiceFailure")
    with pytest.raises(ClientError):
        here.patch()
    item = ledger.roles.item(ROLE)
    assert ([each.outcome for each in item.writes], item.grants) == (["planned"], ())
    assert [each.outcome for each in ledger.roles.writes(ROLE)] == ["unknown"]
    assert here.reported() == []
    here.harness.later(minutes=5)
    here.expect(render(policy_document(granted(GHCR))))
    here.patch(message_id="m-2")
    assert recorded(GHCR, task_definition=str(revision_arn()), granted_at=here.harness.time, is_confirmed=False) == (
        ledger.roles.item(ROLE).grants
    )


def test_a_grant_that_iam_refused_does_not_enter_the_next_write(set_up: SetUp, ledger: Ledger) -> None:
    refused = set_up(BROKEN)
    refused.expect(render(policy_document(granted(GHCR))), error="AccessDenied")
    refused.patch()
    assert ledger.roles.granted(role_arn()) == ()
    other = set_up(World((task_definition(container(HUB, image="docker.io/acme/web:1")),), (role(),), (HUB,)))
    other.expect(render(policy_document(granted(HUB))))
    assert other.patch().written


@pytest.mark.parametrize(("attempt", "delay_s"), [(0, 2), (1, 8), (2, 30), (3, 120), (4, None)])
def test_a_grant_that_exists_is_checked_again_at_growing_intervals_until_it_shows(
    set_up: SetUp, attempt: int, delay_s: int | None
) -> None:
    here = set_up(replace(BROKEN, roles=(role(inline_policies=(own(GHCR),)),)))
    assert not here.patch(replace(ASKED_FOR, attempt=attempt)).written
    asked = [(json.loads(each["MessageBody"])["attempt"], each["DelaySeconds"]) for each in here.harness.sent.messages]
    assert asked == ([] if delay_s is None else [(attempt + 1, delay_s)])


def test_other_policies_are_left_alone(set_up: SetUp) -> None:
    other = NamedPolicy(name="somebody-elses", document={"Version": "2012-10-17", "Statement": []})
    here = set_up(replace(BROKEN, roles=(role(inline_policies=(other,)),)))
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch().written


def test_the_same_document_is_not_written_again(set_up: SetUp, ledger: Ledger) -> None:
    keep(ledger, *recorded(GHCR))
    here = set_up(replace(BROKEN, roles=(role(inline_policies=(own(GHCR),)),)))
    assert here.patch().why == NOTHING
    assert here.reported() == []


def test_one_message_twice_is_written_and_reported_once(set_up: SetUp) -> None:
    here = set_up(BROKEN)
    here.expect(render(policy_document(granted(GHCR))))
    assert [here.patch(message_id="m-1").written for _ in range(2)] == [True, False]  # IAM shows it to neither
    assert here.reported() == ["Remediation Completed"]


def test_several_secrets_of_one_task_definition_are_one_write(set_up: SetUp, ledger: Ledger) -> None:
    both = task_definition(container(GHCR), container(HUB, image="docker.io/acme/side:1", name="side"))
    here = set_up(World((both,), (role(),), (GHCR, HUB)))
    here.expect(render(policy_document(granted(GHCR, HUB))))
    assert here.patch().written
    assert (len(here.reported()), len(ledger.roles.writes(ROLE))) == (2, 1)


SUPERSEDED = tuple(task_definition(container(GHCR), revision=number) for number in (7, 8))
NOTHING_TO_DO: dict[str, dict[str, Any]] = {
    "the-need-has-gone": {"world": replace(BROKEN, roles=(role(reads=[GHCR]),))},
    "the-task-definition-has-no-role": {
        "world": replace(BROKEN, task_definitions=(task_definition(container(GHCR), role_name=None),))
    },
    "the-task-definition-cannot-be-read": {
        "world": replace(BROKEN, unreadable={str(revision_arn()): denied("ecs:DescribeTaskDefinition")})
    },
    "the-revision-is-not-in-use": {"world": replace(BROKEN, task_definitions=SUPERSEDED, running=Usage(newest=False))},
    "the-secret-cannot-be-read": {"world": replace(BROKEN, unreadable={str(GHCR.arn): denied()})},
    "the-role-is-not-opted-in-any-more": {"world": replace(BROKEN, roles=(role(managed=False),))},
    "the-secret-is-not-opted-in-any-more": {"world": replace(BROKEN, secrets=(secret(registry=None),))},
    "the-role-is-gone": {"world": replace(BROKEN, roles=())},
    "the-task-definition-is-gone": {"world": World()},
    "the-mode-is-observe": {"world": BROKEN, "mode": "observe"},
    "a-tag-lowers-the-mode": {"world": replace(BROKEN, roles=(role(tags={"pullguard:mode": "observe"}),))},
}

WHYS = {
    NOTHING,
    "there is no such role",
    "it is gone, or names no role",
    "Pullguard only observes (parameter Mode)",
}


@pytest.mark.parametrize("changes", NOTHING_TO_DO.values(), ids=NOTHING_TO_DO)
def test_a_late_message_writes_nothing(set_up: SetUp, changes: dict[str, Any], ledger: Ledger) -> None:
    here = set_up(**changes)
    patched = here.patch()
    assert (patched.written, patched.why in WHYS) == (False, True)
    assert (here.reported(), ledger.roles.granted(role_arn())) == ([], ())
    (asked,) = here.harness.sent.messages  # whether the need is gone for good, the validator sees
    assert (asked["QueueUrl"], json.loads(asked["MessageBody"])["attempt"]) == ("validations", 1)


def test_a_forged_message_leads_to_a_validation_and_no_more(set_up: SetUp) -> None:
    # The attacker's task definition names the database's password and a role of the attacker's own.
    intruder = World((task_definition(container(DATABASE), role_name="intruder"),), (role("intruder"),), (DATABASE,))
    here = set_up(intruder)
    message = json.loads(ASKED_FOR.to_json()) | {"role": str(role_arn("admin")), "secret": str(DATABASE.arn)}
    forged = request().parse(json.dumps(message))
    assert here.patch(forged).why == NOTHING


# --- Beside the new need ---

UNTAGGED = secret("registry/hub", "HubHub", registry=None)
FOR_OTHERS = secret("registry/hub", "HubHub", registry="docker.io", tags={"pullguard:roles": "api-*"})
WATCHED = secret("registry/hub", "HubHub", registry="docker.io", tags={"pullguard:mode": "observe"})
CONFIRMED, UNCONFIRMED = recorded(HUB), recorded(HUB, is_confirmed=False)
# IAM does not show yet what another run has granted a moment ago.
FRESH = recorded(HUB, granted_at=NOW, is_confirmed=False)
HUB_ADDED = (a_write((), granted(HUB)),)
# The policy's present grant, the records of it and the last writes, the secret's present state, whether it stays.
BESIDE: dict[str, tuple[tuple[Any, ...], tuple[GrantRecord, ...], tuple[PolicyWrite, ...], Any, bool]] = {
    "ours-stays": ((HUB,), CONFIRMED, (), HUB, True),
    "ours-stays-without-its-tag-for-tasks-run-on-it": ((HUB,), CONFIRMED, (), UNTAGGED, True),
    "ours-that-was-never-confirmed-goes-without-its-tag": ((HUB,), UNCONFIRMED, (), UNTAGGED, False),
    "ours-that-was-never-confirmed-goes-for-other-roles": ((HUB,), UNCONFIRMED, (), FOR_OTHERS, False),
    "another-stacks-stays-by-both-keys": ((HUB,), (), (), HUB, True),
    "what-others-wrote-without-the-secrets-key": ((HUB,), (), (), UNTAGGED, True),
    "what-others-wrote-for-a-role-that-its-owner-excludes": ((HUB,), (), (), FOR_OTHERS, True),
    "what-others-wrote-of-a-secret-that-is-gone": ((HUB,), (), (), None, True),
    "ours-that-iam-does-not-show-yet": ((), FRESH, HUB_ADDED, HUB, True),
    "ours-that-iam-does-not-show-any-more": ((), CONFIRMED, (), HUB, False),
    "ours-that-was-taken-away-with-its-tag": ((), FRESH, HUB_ADDED, UNTAGGED, False),
    "ours-that-is-gone": ((), FRESH, HUB_ADDED, None, False),
    "ours-that-remains-of-a-secret-that-is-gone": ((HUB,), CONFIRMED, (), None, False),
    "ours-stays-while-it-is-observed": ((HUB,), CONFIRMED, (), WATCHED, True),
    "ours-that-was-never-confirmed-goes-when-it-is-observed": ((HUB,), UNCONFIRMED, (), WATCHED, False),
    "ours-does-not-come-back-while-it-is-observed": ((), FRESH, HUB_ADDED, WATCHED, False),
    "another-stacks-stays-while-it-is-observed": ((HUB,), (), (), WATCHED, True),
}


@pytest.mark.parametrize("case", BESIDE.values(), ids=BESIDE)
def test_the_policy_keeps_its_grants_beside_the_new_need(
    set_up: SetUp,
    ledger: Ledger,
    case: tuple[tuple[Any, ...], tuple[GrantRecord, ...], tuple[PolicyWrite, ...], Any, bool],
) -> None:
    present, records, writes, now, stays = case
    keep(ledger, *records, writes=writes)
    inline = (own(*present),) if present else ()
    here = set_up(replace(BROKEN, roles=(role(inline_policies=inline),), secrets=(GHCR, *([now] if now else ()))))
    here.expect(render(policy_document(granted(GHCR, *([HUB] if stays else [])))))
    assert here.patch().written


@pytest.mark.parametrize("shown", [False, True], ids=["not-shown-yet", "shown"])
@pytest.mark.parametrize("named", [False, True])
def test_a_task_definition_that_shares_its_role_changes_nothing_for_what_others_were_granted(
    set_up: SetUp, ledger: Ledger, *, named: bool, shown: bool
) -> None:
    """Its own need takes the role's name in the secret's tag; or else one registration would break other pulls."""
    ghcr = secret(tags={"pullguard:roles": "web-execution"})
    hub = secret("registry/hub", "HubHub", registry="docker.io", tags=ghcr.tags if named else {})
    hub = replace(hub, tags={**hub.tags, "pullguard:registry": "docker.io"})
    shared = task_definition(container(ghcr), task_role=str(ROLE))
    keep(ledger, *FRESH, writes=HUB_ADDED)
    here = set_up(World((shared,), (holder(HUB) if shown else role(),), (ghcr, hub)))
    here.expect(render(policy_document(granted(ghcr, hub))))
    assert here.patch().written


def named_too(definition: Any) -> World:
    """The world, in which the task definition names the secret with the key, too."""
    both = task_definition(container(GHCR), container(definition, name="side"))
    return replace(BROKEN, task_definitions=(both,))


# States of a secret that is in our policy and has moved to another key: the old key stays.
NO_NEW_KEY: dict[str, Any] = {
    "observed": secret("keyed", "KeyKey", tags={"pullguard:mode": "observe"}),
    "its-registry-tag-is-gone": secret("keyed", "KeyKey", registry=None),
    "its-registry-tag-does-not-parse": secret("keyed", "KeyKey", registry="ghcr.io/acme"),
    "its-roles-tag-names-another": secret("keyed", "KeyKey", tags={"pullguard:roles": "api-*"}),
    "outside-of-the-deployments-pattern": secret("keyed", "KeyKey", outside="prod/*"),
}


@pytest.mark.parametrize("to", [key(2), None], ids=["another-key", "awss-key"])
@pytest.mark.parametrize("now", NO_NEW_KEY.values(), ids=NO_NEW_KEY)
def test_an_existing_grant_gets_no_new_key_without_consent(set_up: SetUp, ledger: Ledger, now: Any, to: Any) -> None:
    moved = replace(now, key=to)
    keep(ledger, *recorded(KEYED))
    other = task_definition(container(KEYED), family="api")  # its tags are its own, and lower no other one's mode
    world = replace(BROKEN, task_definitions=(*BROKEN.task_definitions, other))
    here = set_up(replace(world, roles=(role(inline_policies=(own(KEYED),)),), secrets=(GHCR, moved)))
    assert not here.patch(request(other.arn)).written
    here.expect(render(policy_document(granted(GHCR, KEYED))))
    assert here.patch().written


# When the role was created, the records of an earlier grant, whether the policy has it, whether both owners consent,
# and whether it stays.
BORN = NOW - timedelta(hours=1)
EARLIER: dict[str, tuple[Any, tuple[GrantRecord, ...], bool, bool, bool]] = {
    "this-roles": (YESTERDAY - timedelta(days=1), FRESH, False, True, True),
    "an-earlier-roles": (NOW + timedelta(minutes=2), FRESH, False, True, False),
    "an-earlier-roles-that-others-wrote-again-with-both-owners-consent": (BORN, CONFIRMED, True, True, True),
    "an-earlier-roles-that-others-wrote-again": (BORN, UNCONFIRMED, True, False, True),
    "of-unknown-origin": (None, FRESH, False, True, True),
    "of-unknown-origin-and-confirmed": (None, CONFIRMED, True, False, True),
}


@pytest.mark.parametrize("case", EARLIER.values(), ids=EARLIER)
def test_the_grants_of_a_role_go_with_it(
    set_up: SetUp, ledger: Ledger, case: tuple[Any, tuple[GrantRecord, ...], bool, bool, bool]
) -> None:
    born, records, present, consented, stays = case
    keep(ledger, *records, writes=HUB_ADDED if records == FRESH else ())
    inline = (own(HUB),) if present else ()
    now = HUB if consented else UNTAGGED
    here = set_up(replace(BROKEN, roles=(role(inline_policies=inline, created_at=born),), secrets=(GHCR, now)))
    if born is not None and born > NOW:
        here.harness.time = born
    here.expect(render(policy_document(granted(GHCR, *([HUB] if stays else [])))))
    assert here.patch().written
    is_ours = born is None or born < records[0].granted_at
    assert set(ledger.roles.granted(ROLE)) == set(granted(GHCR, *([HUB] if is_ours else [])))


def reported(here: Any) -> Mapping[str, Any]:
    """The report of each secret: whether it is granted or revoked, its key, and why."""
    deeds = [each["remediation"] for each in here.harness.sent.details("Remediation Completed")]
    return {each["secret"]: (each["kind"], each["key"], each["why"]) for each in deeds}


ANOTHER_KEY = secret("keyed", "KeyKey", key=key(2))
NAMES_KEYED = named_too(KEYED)
# Whether it is named, what IAM shows, the records, the writes of late, the secret now, and what is reported.
ALSO_REPORTED: dict[str, tuple[World, tuple[Any, ...], tuple[GrantRecord, ...], tuple[PolicyWrite, ...], Any, Any]] = {
    "what-comes-back": (BROKEN, (), FRESH, HUB_ADDED, HUB, ("grant", None)),
    "what-comes-back-with-its-key": (
        BROKEN,
        (),
        recorded(KEYED, granted_at=NOW),
        (a_write((), granted(KEYED)),),
        KEYED,
        ("grant", str(key().arn)),
    ),
    "a-new-key": (NAMES_KEYED, (ANOTHER_KEY,), recorded(ANOTHER_KEY), (), KEYED, ("grant", str(key().arn))),
    "what-goes": (BROKEN, (HUB,), UNCONFIRMED, (), UNTAGGED, ("withdraw", None)),
}


@pytest.mark.parametrize("case", ALSO_REPORTED.values(), ids=ALSO_REPORTED)
def test_every_arn_that_a_write_adds_or_removes_is_reported(
    set_up: SetUp,
    ledger: Ledger,
    case: tuple[World, tuple[Any, ...], tuple[GrantRecord, ...], tuple[PolicyWrite, ...], Any, Any],
) -> None:
    world, present, records, writes, now, expected = case
    keep(ledger, *records, writes=writes)
    here = set_up(
        replace(world, roles=(role(inline_policies=(own(*present),) if present else ()),), secrets=(GHCR, now))
    )
    here.expect(render(policy_document(granted(GHCR, *([] if now is UNTAGGED else [now])))))
    assert here.patch().written
    assert reported(here)[str(now.arn)][:2] == expected
    assert reported(here)[str(GHCR.arn)][0] == "grant"


@pytest.mark.parametrize("known", [(), CONFIRMED, UNCONFIRMED], ids=["another-stacks", "ours", "not-confirmed"])
def test_an_unreadable_grant_stays_as_it_is_and_delays_nothing(
    set_up: SetUp, ledger: Ledger, known: tuple[GrantRecord, ...]
) -> None:
    keep(ledger, *known)
    unread = {str(HUB.arn): denied()}
    here = set_up(replace(BROKEN, roles=(role(inline_policies=(own(HUB),)),), unreadable=unread))
    here.expect(render(policy_document(granted(GHCR, HUB))))
    assert here.patch().written
    assert list(reported(here)) == [str(GHCR.arn)]
    assert set(ledger.roles.granted(ROLE)) == set(granted(GHCR, *([HUB] if known else [])))


@pytest.mark.parametrize("records", [CONFIRMED, UNCONFIRMED], ids=["confirmed", "not-confirmed"])
def test_an_unreadable_secret_is_not_added(set_up: SetUp, ledger: Ledger, records: tuple[GrantRecord, ...]) -> None:
    keep(ledger, *records)
    here = set_up(replace(BROKEN, unreadable={str(HUB.arn): denied()}))
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch().written


REKEYED: dict[str, tuple[Any, Any, Any]] = {
    "from-a-key-of-ones-own-to-awss": (KEYED, secret("keyed", "KeyKey"), secret("keyed", "KeyKey")),
    "to-another-key": (KEYED, secret("keyed", "KeyKey", key=key(2)), secret("keyed", "KeyKey", key=key(2))),
    "to-a-key-that-cannot-be-read": (KEYED, secret("keyed", "KeyKey", key=denied("kms:DescribeKey")), KEYED),
}


@pytest.mark.parametrize("case", REKEYED.values(), ids=REKEYED)
def test_a_secret_that_has_moved_to_another_key_takes_the_right_to_the_old_one_along(
    set_up: SetUp, ledger: Ledger, case: tuple[Any, Any, Any]
) -> None:
    before, now, after = case
    keep(ledger, *recorded(before))
    here = set_up(replace(NAMES_KEYED, roles=(role(inline_policies=(own(before),)),), secrets=(GHCR, now)))
    here.expect(render(policy_document(granted(GHCR, after))))
    assert here.patch().written
    (record,) = (each for each in ledger.roles.item(ROLE).grants if each.granted.secret == now.arn)
    assert (record.granted, record.granted_at, record.is_confirmed) == (granted(after)[0], YESTERDAY, True)


def test_a_new_key_alone_is_written_reported_and_counted(set_up: SetUp, ledger: Ledger) -> None:
    keep(ledger, *recorded(ANOTHER_KEY))
    world = World((task_definition(container(KEYED)),), (role(inline_policies=(own(ANOTHER_KEY),)),), (KEYED,))
    here = set_up(world, writes_per_hour=1)
    here.expect(render(policy_document(granted(KEYED))))
    assert here.patch().written
    assert reported(here) == {str(KEYED.arn): ("grant", str(key().arn), "")}
    here.harness.later(minutes=6)  # the other key was written by hand again
    assert not here.patch(message_id="m-2").written
    assert here.reported() == ["Remediation Completed", "Remediation Failed"]


def test_a_grant_that_this_stack_did_not_make_is_named_and_not_recorded(set_up: SetUp, ledger: Ledger) -> None:
    here = set_up(replace(BROKEN, roles=(role(inline_policies=(own(HUB),)),), secrets=(GHCR, HUB)))
    here.expect(render(policy_document(granted(GHCR, HUB))))
    assert here.patch().written
    assert set(ledger.roles.granted(ROLE)) == set(granted(GHCR))
    here.harness.world.roles = (holder(GHCR, HUB),)
    here.harness.later(seconds=SHOWS_AFTER.total_seconds())
    here.patch(message_id="m-2")
    assert set(ledger.roles.granted(ROLE)) == set(granted(GHCR))
    assert reported(here)[str(GHCR.arn)][2] == f"it also grants {HUB.arn}, which this stack has not granted"


ALIEN = {
    "another-action": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
    "another-secret-with-a-wildcard": {
        "Sid": "PullguardSecretsToo",  # the very same Sid IAM would refuse
        "Effect": "Allow",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": ["arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/*"],
    },
    "a-refusal": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
}


@pytest.mark.parametrize("statement", ALIEN.values(), ids=ALIEN)
def test_a_foreign_statement_in_our_policy_stays(set_up: SetUp, statement: dict[str, Any]) -> None:
    here = set_up(replace(BROKEN, roles=(role(inline_policies=(own(HUB, extra=(statement,)),)),), secrets=(GHCR, HUB)))
    document = policy_document(granted(GHCR, HUB))
    here.expect(render({**document, "Statement": [*document["Statement"], statement]}))
    assert here.patch().written


@pytest.mark.parametrize("document", [{"Version": "2008-10-17", "Statement": []}, "not JSON"])
def test_a_policy_of_our_name_that_is_not_ours_to_read_is_left_alone(set_up: SetUp, document: Any) -> None:
    here = set_up(replace(BROKEN, roles=(role(inline_policies=(replace(own(), document=document),)),)))
    patched = here.patch()
    assert (patched.written, patched.why) == (False, f"{OWN_POLICY} is not a policy that Pullguard writes")
    assert "is left alone" in here.failure()["why"]


def test_grants_of_ours_move_from_the_policy_of_the_former_name(set_up: SetUp, ledger: Ledger) -> None:
    """They are written under the new name first, and taken from the old policy when IAM shows them there."""
    keep(ledger, *CONFIRMED)
    former = own(HUB, KEYED, name=POLICY_NAME)  # another stack has granted the other one
    here = set_up(replace(BROKEN, roles=(role(inline_policies=(former,)),), secrets=(GHCR, HUB, KEYED)))
    here.expect(render(policy_document(granted(GHCR, HUB))))
    assert here.patch().written
    here.harness.world.roles = (role(inline_policies=(former, own(GHCR, HUB))),)
    here.harness.later(minutes=15)
    here.expect(render(policy_document(granted(KEYED))), policy=POLICY_NAME)
    assert here.patch(message_id="m-2").written
    assert set(ledger.roles.granted(ROLE)) == set(granted(GHCR, HUB))


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}},
        {"StringEquals": {"aws:SourceVpce": "vpce-1"}},
        {"StringEqualsIfExists": {"secretsmanager:VersionStage": "AWSCURRENT"}},
    ],
    ids=["a-stage", "an-endpoint", "a-stage-that-holds"],
)
def test_access_that_an_owner_may_have_narrowed_is_not_granted(set_up: SetUp, condition: dict[str, Any]) -> None:
    reads = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": str(KEYED.arn)}
    narrow = {"Version": "2012-10-17", "Statement": {**reads, "Condition": condition}}
    who = role(inline_policies=(NamedPolicy(name="own", document=narrow),))
    here = set_up(World((task_definition(container(KEYED)),), (who,), (KEYED,)))
    assert (here.patch().written, here.patch().why) == (False, NOTHING)
    assert here.reported() == []
