"""Writes to a role: the exact request, the statements that stay beside the new need, and when nothing is written."""

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pullguard.domain.policy_document import parse_own, policy_document, render
from pullguard.domain.role import NamedPolicy
from pullguard.store.ledger import Ledger
from pullguard.workflows.patch_role import RolePatcher
from tests.fakes import (
    ROLE_ID,
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
from tests.flows import ASKED_FOR, request
from tests.unit.workflows.patch_role.scene import BROKEN, DATABASE, GHCR, HUB, KEYED, Acted, own


def test_the_very_request_and_what_is_told_of_it(act: Acted) -> None:
    here = act(World((task_definition(container(KEYED)),), (role(),), (KEYED,)))
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
    (again,) = here.harness.sent.bodies("validations")
    assert again["task_definition"] == str(revision_arn())


def test_the_write_is_remembered_before_it_is_made_and_its_grants_after(act: Acted, ledger: Ledger) -> None:
    here = act(BROKEN)
    here.expect(render(policy_document(granted(GHCR))), error="ServiceFailure")
    with pytest.raises(ClientError):
        here.patch()
    assert [item["sk"]["S"].split("#")[0] for item in ledger.roles._items(f"ROLE#{role_arn()}")] == ["WRITE"]
    assert here.reported() == []


def test_what_iam_refused_does_not_enter_the_next_write(act: Acted, ledger: Ledger) -> None:
    refused = act(BROKEN)
    refused.expect(render(policy_document(granted(GHCR))), error="AccessDenied")
    refused.patch()
    assert ledger.roles.granted(role_arn()) == ()
    other = act(World((task_definition(container(HUB, image="docker.io/acme/web:1")),), (role(),), (HUB,)))
    other.expect(render(policy_document(granted(HUB))))
    assert other.patch().written


@pytest.mark.parametrize(("attempt", "delay_s"), [(0, 2), (1, 8), (2, 30), (3, 120), (4, None)])
def test_what_is_granted_already_is_looked_at_again_ever_later_until_it_shows(
    act: Acted, attempt: int, delay_s: int | None
) -> None:
    here = act(replace(BROKEN, roles=(role(inline_policies=(own(GHCR),)),)))
    patcher = RolePatcher(executor=here.harness.executor(), iam=here.iam)
    assert not patcher.patch(replace(ASKED_FOR, attempt=attempt), occasion="m-1").written
    asked = [(json.loads(each["MessageBody"])["attempt"], each["DelaySeconds"]) for each in here.harness.sent.messages]
    assert asked == ([] if delay_s is None else [(attempt + 1, delay_s)])


def test_other_policies_are_left_alone(act: Acted) -> None:
    other = NamedPolicy(name="somebody-elses", document={"Version": "2012-10-17", "Statement": []})
    here = act(replace(BROKEN, roles=(role(inline_policies=(other,)),)))
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch().written


def test_the_same_document_is_not_written_again(act: Acted) -> None:
    here = act(replace(BROKEN, roles=(role(inline_policies=(own(GHCR),)),)))
    assert here.patch().why == "nothing to grant any more"
    assert here.reported() == []


def test_one_message_twice_is_told_once(act: Acted) -> None:
    here = act(BROKEN)
    for _ in range(2):
        here.expect(render(policy_document(granted(GHCR))))
        here.patch(occasion="m-1")
    assert here.reported() == ["Remediation Completed"]


NOTHING_TO_DO: dict[str, dict[str, Any]] = {
    "the-need-has-gone": {"world": replace(BROKEN, roles=(role(reads=[GHCR]),))},
    "the-role-is-not-opted-in-any-more": {"world": replace(BROKEN, roles=(role(managed=False),))},
    "the-secret-is-not-opted-in-any-more": {"world": replace(BROKEN, secrets=(secret(registry=None),))},
    "the-role-is-gone": {"world": replace(BROKEN, roles=())},
    "the-task-definition-is-gone": {"world": World()},
    "the-mode-is-observe": {"world": BROKEN, "mode": "observe"},
    "a-tag-lowers-the-mode": {"world": replace(BROKEN, roles=(role(tags={"pullguard:mode": "observe"}),))},
}


@pytest.mark.parametrize("changes", NOTHING_TO_DO.values(), ids=NOTHING_TO_DO)
def test_a_late_message_writes_nothing(act: Acted, changes: dict[str, Any], ledger: Ledger) -> None:
    here = act(**changes)
    assert here.patch().why == "nothing to grant any more"
    assert (here.reported(), ledger.roles.granted(role_arn())) == ([], ())
    (asked,) = here.harness.sent.messages  # whether the need is gone for good, the validator sees
    assert (asked["QueueUrl"], json.loads(asked["MessageBody"])["attempt"]) == ("validations", 1)


def test_a_forged_message_can_do_no_more_than_make_somebody_look(act: Acted) -> None:
    # The attacker's task definition names the database's password and a role of the attacker's own.
    intruder = World((task_definition(container(DATABASE), role_name="intruder"),), (role("intruder"),), (DATABASE,))
    here = act(intruder)
    message = json.loads(ASKED_FOR.to_json()) | {"role": str(role_arn("admin")), "secret": str(DATABASE.arn)}
    forged = request().parse(json.dumps(message))
    patcher = RolePatcher(executor=here.harness.executor(), iam=here.iam)
    assert patcher.patch(forged, occasion="m-1").why == "nothing to grant any more"


# --- Beside the new need ---

UNTAGGED = secret("registry/hub", "HubHub", registry=None)
FOR_OTHERS = secret("registry/hub", "HubHub", registry="docker.io", tags={"pullguard:roles": "api-*"})
WATCHED = secret("registry/hub", "HubHub", registry="docker.io", tags={"pullguard:mode": "observe"})
# The policy's present grant, the ledger's record of it, the secret's present state, whether the grant stays.
BESIDE: dict[str, tuple[tuple[Any, ...], tuple[Any, ...], Any, bool]] = {
    "ours-stays": ((HUB,), (HUB,), HUB, True),
    "ours-stays-without-its-tag-for-tasks-run-on-it": ((HUB,), (HUB,), UNTAGGED, True),
    "another-stacks-stays-by-both-keys": ((HUB,), (), HUB, True),
    "what-somebody-wrote-without-the-secrets-key": ((HUB,), (), UNTAGGED, False),
    "what-somebody-wrote-for-a-role-that-its-owner-excludes": ((HUB,), (), FOR_OTHERS, False),
    "what-somebody-wrote-of-a-secret-that-is-gone": ((HUB,), (), None, False),
    "ours-that-iam-does-not-show-yet": ((), (HUB,), HUB, True),
    "ours-that-was-taken-away-with-its-tag": ((), (HUB,), UNTAGGED, False),
    "ours-that-is-gone": ((), (HUB,), None, False),
    "ours-that-still-stands-of-a-secret-that-is-gone": ((HUB,), (HUB,), None, False),
    "ours-stays-while-it-is-observed": ((HUB,), (HUB,), WATCHED, True),
    "ours-does-not-come-back-while-it-is-observed": ((), (HUB,), WATCHED, False),
    "another-stacks-stays-while-it-is-observed": ((HUB,), (), WATCHED, True),
}


@pytest.mark.parametrize("case", BESIDE.values(), ids=BESIDE)
def test_what_the_policy_grants_beside_the_new_need(
    act: Acted, ledger: Ledger, case: tuple[tuple[Any, ...], tuple[Any, ...], Any, bool]
) -> None:
    present, known, now, stays = case
    ledger.roles.keep_grants(role_arn(), granted(*known), role_id=ROLE_ID)
    inline = (own(*present),) if present else ()
    here = act(replace(BROKEN, roles=(role(inline_policies=inline),), secrets=(GHCR, *([now] if now else ()))))
    here.expect(render(policy_document(granted(GHCR, *([HUB] if stays else [])))))
    assert here.patch().written


@pytest.mark.parametrize("named", [False, True])
def test_what_containers_could_read_comes_back_by_the_roles_name_only(
    act: Acted, ledger: Ledger, *, named: bool
) -> None:
    ghcr = secret(tags={"pullguard:roles": "web-execution"})
    hub = secret("registry/hub", "HubHub", registry="docker.io", tags=ghcr.tags if named else {})
    hub = replace(hub, tags={**hub.tags, "pullguard:registry": "docker.io"})
    definition = task_definition(container(ghcr))
    shared = replace(definition, raw={**definition.raw, "taskRoleArn": str(role_arn())})
    ledger.roles.keep_grants(role_arn(), granted(hub), role_id=ROLE_ID)
    here = act(World((shared,), (role(),), (ghcr, hub)))
    here.expect(render(policy_document(granted(ghcr, *([hub] if named else [])))))
    assert here.patch().written


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
def test_what_stands_gets_no_new_key_without_consent(act: Acted, ledger: Ledger, now: Any, to: Any) -> None:
    moved = replace(now, key=to)
    ledger.roles.keep_grants(role_arn(), granted(KEYED), role_id=ROLE_ID)
    here = act(replace(BROKEN, roles=(role(inline_policies=(own(KEYED),)),), secrets=(GHCR, moved)))
    here.expect(render(policy_document(granted(GHCR, KEYED))))
    assert here.patch().written


# The owner of the recorded grant ("" if an earlier version of Pullguard recorded it), whether the policy has it,
# whether both owners consent, and whether it stays or returns.
EARLIER: dict[str, tuple[str, bool, bool, bool]] = {
    "this-roles": (ROLE_ID, False, True, True),
    "an-earlier-roles": ("AROAEARLIER", False, True, False),
    "an-earlier-roles-that-somebody-wrote-again-and-both-agree-to": ("AROAEARLIER", True, True, True),
    "an-earlier-roles-that-somebody-wrote-again": ("AROAEARLIER", True, False, False),
    "nobody-knows-whose": ("", False, True, False),
    "nobody-knows-whose-that-stands": ("", True, False, True),
}


@pytest.mark.parametrize("case", EARLIER.values(), ids=EARLIER)
def test_what_a_role_was_granted_goes_with_it(act: Acted, ledger: Ledger, case: tuple[str, bool, bool, bool]) -> None:
    whose, present, consented, stays = case
    ledger.roles.keep_grants(role_arn(), granted(HUB), role_id=whose)
    inline = (own(HUB),) if present else ()
    now = HUB if consented else UNTAGGED
    here = act(replace(BROKEN, roles=(role(inline_policies=inline),), secrets=(GHCR, now)))
    here.expect(render(policy_document(granted(GHCR, *([HUB] if stays else [])))))
    assert here.patch().written
    known = {each.granted for each in ledger.roles.grant_records(role_arn())}
    assert known == set(granted(GHCR, *([HUB] if whose != "AROAEARLIER" else [])))


ALSO_TOLD: dict[str, tuple[tuple[Any, ...], tuple[Any, ...], Any, str]] = {
    "what-comes-back": ((), (HUB,), HUB, f"the same write grants {HUB.arn}"),
    "what-comes-back-with-its-key": ((), (KEYED,), KEYED, f"grants {KEYED.arn} and its key {key().arn}"),
    "a-new-key": ((secret("keyed", "KeyKey", key=key(2)),), (KEYED,), KEYED, f"and its key {key().arn}"),
    "what-goes": ((HUB,), (), UNTAGGED, f"it no longer grants {HUB.arn}"),
}


@pytest.mark.parametrize("case", ALSO_TOLD.values(), ids=ALSO_TOLD)
def test_every_arn_that_a_write_adds_or_takes_away_is_told(
    act: Acted, ledger: Ledger, case: tuple[tuple[Any, ...], tuple[Any, ...], Any, str]
) -> None:
    present, known, now, words = case
    ledger.roles.keep_grants(role_arn(), granted(*known), role_id=ROLE_ID)
    here = act(replace(BROKEN, roles=(role(inline_policies=(own(*present),) if present else ()),), secrets=(GHCR, now)))
    here.expect(render(policy_document(granted(GHCR, *([now] if known else [])))))
    assert here.patch().written
    (detail,) = here.harness.sent.details("Remediation Completed")
    assert words in detail["remediation"]["why"]


@pytest.mark.parametrize("known", [(), (HUB,)], ids=["another-stacks", "ours"])
def test_what_cannot_be_read_stays_as_it_stands_and_holds_up_nothing(
    act: Acted, ledger: Ledger, known: tuple[Any, ...]
) -> None:
    ledger.roles.keep_grants(role_arn(), granted(*known))
    unread = {str(HUB.arn): denied()}
    here = act(replace(BROKEN, roles=(role(inline_policies=(own(HUB),)),), unreadable=unread))
    here.expect(render(policy_document(granted(GHCR, HUB))))
    assert here.patch().written
    (detail,) = here.harness.sent.details("Remediation Completed")
    assert f"{HUB.arn} could not be read" in detail["remediation"]["why"]


def test_what_cannot_be_read_is_not_added(act: Acted, ledger: Ledger) -> None:
    ledger.roles.keep_grants(role_arn(), granted(HUB))
    here = act(replace(BROKEN, unreadable={str(HUB.arn): denied()}))
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch().written


REKEYED: dict[str, tuple[Any, Any, Any]] = {
    "from-a-key-of-ones-own-to-awss": (KEYED, secret("keyed", "KeyKey"), secret("keyed", "KeyKey")),
    "to-another-key": (KEYED, secret("keyed", "KeyKey", key=key(2)), secret("keyed", "KeyKey", key=key(2))),
    "to-a-key-that-cannot-be-read": (KEYED, secret("keyed", "KeyKey", key=denied("kms:DescribeKey")), KEYED),
}


@pytest.mark.parametrize("case", REKEYED.values(), ids=REKEYED)
def test_a_secret_that_has_moved_to_another_key_takes_the_right_to_the_old_one_along(
    act: Acted, ledger: Ledger, case: tuple[Any, Any, Any]
) -> None:
    before, now, after = case
    ledger.roles.keep_grants(role_arn(), granted(before))
    here = act(replace(BROKEN, roles=(role(inline_policies=(own(before),)),), secrets=(GHCR, now)))
    here.expect(render(policy_document(granted(GHCR, after))))
    assert here.patch().written


def test_what_this_stack_did_not_grant_is_none_of_its_ledgers(act: Acted, ledger: Ledger) -> None:
    here = act(replace(BROKEN, roles=(role(inline_policies=(own(HUB),)),), secrets=(GHCR, HUB)))
    here.expect(render(policy_document(granted(GHCR, HUB))))
    assert here.patch().written
    assert set(ledger.roles.granted(role_arn())) == set(granted(GHCR))


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
def test_what_somebody_else_wrote_into_our_policy_is_dropped(act: Acted, statement: dict[str, Any]) -> None:
    here = act(replace(BROKEN, roles=(role(inline_policies=(own(HUB, extra=(statement,)),)),), secrets=(GHCR, HUB)))
    here.expect(render(policy_document(granted(GHCR, HUB))))
    assert here.patch().written
    (detail,) = here.harness.sent.details("Remediation Completed")
    assert "what was not Pullguard's in its policy is left out" in detail["remediation"]["why"]


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}},
        {"StringEquals": {"aws:SourceVpce": "vpce-1"}},
        {"StringEqualsIfExists": {"secretsmanager:VersionStage": "AWSCURRENT"}},
    ],
    ids=["a-stage", "an-endpoint", "a-stage-that-holds"],
)
def test_what_an_owner_may_have_narrowed_is_not_written(act: Acted, condition: dict[str, Any]) -> None:
    reads = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": str(KEYED.arn)}
    narrow = {"Version": "2012-10-17", "Statement": {**reads, "Condition": condition}}
    who = role(inline_policies=(NamedPolicy(name="own", document=narrow),))
    here = act(World((task_definition(container(KEYED)),), (who,), (KEYED,)))
    assert (here.patch().written, here.patch().why) == (False, "nothing to grant any more")
    assert here.reported() == []
