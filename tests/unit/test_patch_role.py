import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pullguard.aws.iam import Iam
from pullguard.checks.examine import examine
from pullguard.errors import NotNow
from pullguard.flows.patch_role import RolePatcher
from pullguard.flows.role_lease import ROLE_LEASE_S
from pullguard.ledger import Ledger
from pullguard.model import NamedPolicy
from pullguard.remedies.grant import POLICY_NAME, Granted, fits, parse_own, policy_document, render
from pullguard.stop import GO_ON, Stop, switch_text
from tests.fakes import (
    NOW,
    REGION,
    Crash,
    World,
    container,
    denied,
    key,
    revision_arn,
    role,
    role_arn,
    secret,
    task_definition,
)
from tests.flows import LOOK, Stage, look

GHCR, KEYED = secret(), secret("keyed", "KeyKey", key=key())
HUB = secret("registry/hub", "HubHub", registry="docker.io")
DATABASE = secret("prod/db-password", "DbDbDb", registry=None)
BROKEN = World((task_definition(container(GHCR)),), (role(),), (GHCR,))


def granted(*secrets: Any) -> tuple[Granted, ...]:
    return tuple(Granted(secret=each.arn, key=each.key.arn if each.key else None) for each in secrets)


def own(*secrets: Any, extra: tuple[dict[str, Any], ...] = ()) -> NamedPolicy:
    """Our own policy as it stands, with statements of somebody else's."""
    document = policy_document(granted(*secrets))
    return NamedPolicy(name=POLICY_NAME, document={**document, "Statement": [*document["Statement"], *extra]})


class Act:
    """A stage with a role patcher, whose writes to IAM are exactly those that are expected."""

    def __init__(self, stage: Stage, stubber: Stubber, iam: Iam) -> None:
        self.stage = stage
        self.stubber = stubber
        self.iam = iam

    def expect(self, document: str, *, role_name: str = "web-execution", error: str | None = None) -> None:
        parameters = {"RoleName": role_name, "PolicyName": POLICY_NAME, "PolicyDocument": document}
        if error is None:
            self.stubber.add_response("put_role_policy", {}, parameters)
        else:
            self.stubber.add_client_error("put_role_policy", error, expected_params=parameters)

    def patch(self, *, occasion: str = "m-1", **changes: Any) -> Any:
        executor = replace(self.stage.executor(), **changes)
        return RolePatcher(executor=executor, iam=self.iam).patch(LOOK, occasion=occasion)

    def told(self) -> list[str]:
        return self.stage.sent.told()

    def failure(self) -> dict[str, Any]:
        (detail,) = self.stage.sent.details("Remediation Failed")
        remediation: dict[str, Any] = detail["remediation"]
        return remediation


@pytest.fixture
def act(ledger: Ledger) -> Iterator[Callable[..., Act]]:
    client = boto3.client("iam", region_name=REGION)
    with Stubber(client) as stubber:
        yield lambda world, **changes: Act(Stage(ledger, world, **changes), stubber, Iam(client))
        stubber.assert_no_pending_responses()


Acted = Callable[..., Act]


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
    (detail,) = here.stage.sent.details("Remediation Completed")
    assert detail["remediation"]["target"] == str(role_arn())
    assert detail["remediation"]["before"] is None
    assert parse_own(detail["remediation"]["after"])[0] == granted(KEYED)
    (again,) = here.stage.sent.bodies("validations")
    assert again["task_definition"] == str(revision_arn())


def test_the_write_is_remembered_before_it_is_made_and_its_grants_after(act: Acted, ledger: Ledger) -> None:
    here = act(BROKEN)
    here.expect(render(policy_document(granted(GHCR))), error="ServiceFailure")
    with pytest.raises(ClientError):
        here.patch()
    assert [sort.split("#")[0] for sort, _ in ledger._query(f"ROLE#{role_arn()}")] == ["WRITE"]
    assert here.told() == []


def test_what_iam_refused_does_not_enter_the_next_write(act: Acted, ledger: Ledger) -> None:
    refused = act(BROKEN)
    refused.expect(render(policy_document(granted(GHCR))), error="AccessDenied")
    refused.patch()
    assert ledger.granted(role_arn()) == ()
    other = act(World((task_definition(container(HUB, image="docker.io/acme/web:1")),), (role(),), (HUB,)))
    other.expect(render(policy_document(granted(HUB))))
    assert other.patch().written


@pytest.mark.parametrize(("attempt", "delay_s"), [(0, 2), (1, 8), (2, 30), (3, 120), (4, None)])
def test_what_is_granted_already_is_looked_at_again_ever_later_until_it_shows(
    act: Acted, attempt: int, delay_s: int | None
) -> None:
    here = act(replace(BROKEN, roles=(role(inline_policies=(own(GHCR),)),)))
    patcher = RolePatcher(executor=here.stage.executor(), iam=here.iam)
    assert not patcher.patch(replace(LOOK, attempt=attempt), occasion="m-1").written
    asked = [(json.loads(each["MessageBody"])["attempt"], each["DelaySeconds"]) for each in here.stage.sent.messages]
    assert asked == ([] if delay_s is None else [(attempt + 1, delay_s)])


UNTAGGED = secret("registry/hub", "HubHub", registry=None)
FOR_OTHERS = secret("registry/hub", "HubHub", registry="docker.io", tags={"pullguard:roles": "api-*"})
# What our policy grants already, what the ledger says that this stack granted, how the secret is now, whether it stays.
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
}


@pytest.mark.parametrize("case", BESIDE.values(), ids=BESIDE)
def test_what_the_policy_grants_beside_the_new_need(
    act: Acted, ledger: Ledger, case: tuple[tuple[Any, ...], tuple[Any, ...], Any, bool]
) -> None:
    present, known, now, stays = case
    ledger.keep_grants(role_arn(), granted(*known))
    inline = (own(*present),) if present else ()
    here = act(replace(BROKEN, roles=(role(inline_policies=inline),), secrets=(GHCR, *([now] if now else ()))))
    here.expect(render(policy_document(granted(GHCR, *([HUB] if stays else [])))))
    assert here.patch().written


@pytest.mark.parametrize("known", [(), (HUB,)], ids=["another-stacks", "ours"])
def test_what_cannot_be_read_stays_as_it_stands_and_holds_up_nothing(
    act: Acted, ledger: Ledger, known: tuple[Any, ...]
) -> None:
    ledger.keep_grants(role_arn(), granted(*known))
    unread = {str(HUB.arn): denied()}
    here = act(replace(BROKEN, roles=(role(inline_policies=(own(HUB),)),), unreadable=unread))
    here.expect(render(policy_document(granted(GHCR, HUB))))
    assert here.patch().written
    (detail,) = here.stage.sent.details("Remediation Completed")
    assert f"{HUB.arn} could not be read" in detail["remediation"]["why"]


def test_what_cannot_be_read_is_not_added(act: Acted, ledger: Ledger) -> None:
    ledger.keep_grants(role_arn(), granted(HUB))
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
    ledger.keep_grants(role_arn(), granted(before))
    here = act(replace(BROKEN, roles=(role(inline_policies=(own(before),)),), secrets=(GHCR, now)))
    here.expect(render(policy_document(granted(GHCR, after))))
    assert here.patch().written


def test_what_this_stack_did_not_grant_is_none_of_its_ledgers(act: Acted, ledger: Ledger) -> None:
    here = act(replace(BROKEN, roles=(role(inline_policies=(own(HUB),)),), secrets=(GHCR, HUB)))
    here.expect(render(policy_document(granted(GHCR, HUB))))
    assert here.patch().written
    assert set(ledger.granted(role_arn())) == set(granted(GHCR))


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
    (detail,) = here.stage.sent.details("Remediation Completed")
    assert "what was not Pullguard's in its policy is left out" in detail["remediation"]["why"]


def test_other_policies_are_left_alone(act: Acted) -> None:
    other = NamedPolicy(name="somebody-elses", document={"Version": "2012-10-17", "Statement": []})
    here = act(replace(BROKEN, roles=(role(inline_policies=(other,)),)))
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch().written


def test_the_same_document_is_not_written_again(act: Acted) -> None:
    here = act(replace(BROKEN, roles=(role(inline_policies=(own(GHCR),)),)))
    assert here.patch().why == "nothing to grant any more"
    assert here.told() == []


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
    assert (here.told(), ledger.granted(role_arn())) == ([], ())
    (asked,) = here.stage.sent.messages  # whether the need is gone for good, the validator sees
    assert (asked["QueueUrl"], json.loads(asked["MessageBody"])["attempt"]) == ("validations", 1)


def test_a_forged_message_can_do_no_more_than_make_somebody_look(act: Acted) -> None:
    # The attacker's task definition names the database's password and a role of the attacker's own.
    intruder = World((task_definition(container(DATABASE), role_name="intruder"),), (role("intruder"),), (DATABASE,))
    here = act(intruder)
    message = json.loads(LOOK.to_json()) | {"role": str(role_arn("admin")), "secret": str(DATABASE.arn)}
    forged = look().parse(json.dumps(message))
    patcher = RolePatcher(executor=here.stage.executor(), iam=here.iam)
    assert patcher.patch(forged, occasion="m-1").why == "nothing to grant any more"


# --- What goes wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_a_refusal_of_iam_is_told_with_its_remedy(act: Acted, code: str) -> None:
    here = act(BROKEN)
    here.expect(render(policy_document(granted(GHCR))), error=code)
    assert not here.patch().written
    failure = here.failure()
    assert "iam:PutRolePolicy" in failure["why"]
    assert code in failure["why"]
    assert "ManagedRolePattern" in failure["remedy"]
    assert "pullguard:managed=true" in failure["remedy"]
    assert here.stage.sent.messages == []


def test_a_standing_refusal_is_told_once_a_day(act: Acted) -> None:
    here = act(BROKEN)
    for hours in (0, 1, 24):
        here.stage.time = NOW
        here.stage.later(hours=hours)
        here.expect(render(policy_document(granted(GHCR))), error="AccessDenied")
        here.patch(occasion=f"m-{hours}")
    assert here.told() == ["Remediation Failed"] * 2


def test_any_other_error_of_iam_sends_the_message_back(act: Acted) -> None:
    here = act(BROKEN)
    here.expect(render(policy_document(granted(GHCR))), error="Throttling")
    with pytest.raises(ClientError, match="Throttling"):
        here.patch()
    assert here.told() == []


def test_a_policy_that_finds_no_room_is_told_and_not_tried(act: Acted, ledger: Ledger) -> None:
    # The grant alone would fit; with all that was granted before and is gone from the role, it does not.
    many = tuple(secret(f"{number:03}-{'x' * 100}") for number in range(70))
    before = granted(*many)
    ledger.keep_grants(role_arn(), before)
    here = act(replace(BROKEN, secrets=(GHCR, *many)))
    assert not here.patch().written
    assert "more than the 10240 that IAM takes" in here.failure()["why"]
    assert "managed policy" in here.failure()["remedy"]
    assert set(ledger.granted(role_arn())) == set(before)


def test_a_role_with_eighty_secrets_fits_and_one_write_is_made_for_each(act: Acted) -> None:
    many = tuple(secret(f"registry/team-{number:03}") for number in range(80))
    families = tuple(task_definition(container(each), family=f"f{number}") for number, each in enumerate(many))
    here = act(World(families, (role(),), many))  # with the default of WritesPerHour
    for number, family in enumerate(families):
        here.expect(render(policy_document(granted(*many[: number + 1]))))
        patcher = RolePatcher(executor=here.stage.executor(), iam=here.iam)
        assert patcher.patch(look(family.arn), occasion=f"m-{number}").written
        here.stage.world.roles = (role(inline_policies=(own(*many[: number + 1]),)),)
    assert set(here.stage.ledger.granted(role_arn())) == set(granted(*many))


def test_a_role_with_eighty_secrets_under_keys_of_their_own_is_told_where_it_ends(act: Acted) -> None:
    many = tuple(secret(f"registry/team-{number:03}", key=key(number)) for number in range(80))
    full = next(n for n in range(80) if not fits({}, policy_document(granted(*many[:n]))))
    one_more = task_definition(container(many[full - 1]))
    here = act(World((one_more,), (role(inline_policies=(own(*many[: full - 1]),)),), many))
    assert not here.patch().written
    examined = examine(here.stage.world.facts()).findings
    assert "inline-policy-quota" in {each.check for each in examined}


def test_the_circuit_breaker_stops_and_tells(act: Acted) -> None:
    here = act(BROKEN, writes_per_hour=2)
    for number in range(2):
        here.expect(render(policy_document(granted(GHCR))))
        assert here.patch(occasion=f"m-{number}").written
    assert not here.patch(occasion="m-2").written
    assert "was written to 2 times in this hour" in here.failure()["why"]
    here.stage.later(hours=1)
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(occasion="m-3").written


def test_an_open_breaker_is_told_once_in_its_hour_whoever_runs_into_it(act: Acted) -> None:
    others = tuple(task_definition(container(GHCR), family=f"f{number}") for number in range(20))
    here = act(replace(BROKEN, task_definitions=others), writes_per_hour=1)
    here.expect(render(policy_document(granted(GHCR))))
    patcher = RolePatcher(executor=here.stage.executor(), iam=here.iam)
    written = [patcher.patch(look(each.arn), occasion=f"m-{each.family}").written for each in others]
    assert written == [True] + [False] * 19
    assert here.told() == ["Remediation Completed", "Remediation Failed"]
    here.stage.later(hours=1)
    here.expect(render(policy_document(granted(GHCR))))
    assert patcher.patch(look(others[0].arn), occasion="m-later").written


def test_a_crash_before_it_is_told_leaves_the_open_breaker_to_the_next(act: Acted) -> None:
    here = act(BROKEN, writes_per_hour=1)
    here.expect(render(policy_document(granted(GHCR))))
    here.patch()
    here.stage.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        here.patch(occasion="m-2")
    scope = f"the grant of {GHCR.arn} on the role {role_arn()}"
    assert not here.stage.ledger.happened(f"tripped {scope} {NOW:%Y-%m-%dT%H}", now=NOW)


def test_what_iam_refuses_is_not_counted_and_kept_as_refused(act: Acted, ledger: Ledger) -> None:
    here = act(BROKEN, writes_per_hour=2)
    for number in range(3):
        here.expect(render(policy_document(granted(GHCR))), error="AccessDenied")
        here.patch(occasion=f"m-{number}")
    assert {each["remediation"]["why"] for each in here.stage.sent.details("Remediation Failed")} == {
        "AWS refused iam:PutRolePolicy on the role web-execution (AccessDenied)"
    }
    assert [each.outcome for each in ledger.writes(role_arn())] == ["refused"] * 3
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(occasion="m-9").written
    assert ledger.writes(role_arn())[-1].outcome == "written"


def last_delay_s(here: Act) -> int:
    messages = [each for each in here.stage.sent.messages if each["QueueUrl"] == "validations"]
    return int(messages[-1]["DelaySeconds"])


def test_an_open_breaker_asks_for_another_look_until_the_hour_is_over(act: Acted) -> None:
    here = act(BROKEN, writes_per_hour=1)
    here.expect(render(policy_document(granted(GHCR))))
    here.patch()
    here.stage.time = NOW.replace(minute=50)
    here.patch(occasion="m-2")
    assert last_delay_s(here) == 601
    here.stage.time = NOW.replace(minute=1)
    here.patch(occasion="m-3")
    assert last_delay_s(here) == 900


def test_what_another_run_is_at_is_looked_at_again_when_its_lease_has_ended(act: Acted, ledger: Ledger) -> None:
    here = act(BROKEN)
    assert ledger.lease(f"write {role_arn()}", ROLE_LEASE_S, now=NOW)
    patched = here.patch()
    assert (patched.written, "another run is at" in patched.why) == (False, True)
    assert (ledger.writes(role_arn()), last_delay_s(here)) == ((), ROLE_LEASE_S)
    here.stage.later(seconds=ROLE_LEASE_S)
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(occasion="m-2").written


def test_a_role_that_cannot_be_read_again_is_not_written_and_its_message_comes_back(act: Acted) -> None:
    here = act(BROKEN)
    worlds = iter((BROKEN, replace(BROKEN, unreadable={str(role_arn()): denied()})))
    with pytest.raises(NotNow, match="could not be read once more"):
        here.patch(readers=lambda: next(worlds))
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(occasion="m-2").written  # the lease went with it, since nothing was written


def test_a_hold_that_comes_between_the_proof_and_the_write_stops_the_write(act: Acted, ledger: Ledger) -> None:
    here = act(BROKEN)
    kept = Ledger.record_write

    def hold_then_keep(self: Ledger, *args: Any, **kwargs: Any) -> None:
        ledger.save_hold(role_arn(), STOP)
        kept(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Ledger, "record_write", hold_then_keep)
        assert not here.patch().written
    assert [each.outcome for each in ledger.writes(role_arn())] == ["refused"]


# --- Stopped, held, and not known whether ------------------------------------------------------------------------

STOP = Stop(by="ada", at="2026-11-23T11:59:00+00:00", reason="a bad deploy")


def test_while_everything_is_stopped_nothing_is_written_and_what_would_be_is_told_once(act: Acted) -> None:
    here = act(BROKEN, stop=switch_text(STOP))
    for occasion in ("m-1", "m-2"):
        assert not here.patch(occasion=occasion).written
    (detail,) = here.stage.sent.details("Remediation Planned")
    assert f"everything is stopped {STOP}" in detail["remediation"]["why"]
    assert "pullguard resume" in detail["remediation"]["remedy"]
    assert here.stage.ledger.granted(role_arn()) == ()
    assert here.told() == ["Remediation Planned"]


def test_another_stop_is_told_again(act: Acted) -> None:
    here = act(BROKEN, stop=switch_text(STOP))
    here.patch()
    here.stage.stop = switch_text(replace(STOP, at="2026-11-24T08:00:00+00:00"))
    here.patch(occasion="m-2")
    assert here.told() == ["Remediation Planned"] * 2


def test_after_the_stop_the_same_message_writes(act: Acted) -> None:
    here = act(BROKEN, stop=switch_text(STOP))
    here.patch()
    here.stage.stop = GO_ON
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch().written


def test_a_stop_uses_up_nothing_of_the_hours_writes(act: Acted) -> None:
    here = act(BROKEN, stop=switch_text(STOP), writes_per_hour=1)
    for number in range(3):
        here.patch(occasion=f"m-{number}")
    here.stage.stop = GO_ON
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(occasion="m-9").written


def test_a_held_role_is_left_alone_and_no_other(act: Acted, ledger: Ledger) -> None:
    ledger.save_hold(role_arn(), STOP)
    here = act(BROKEN)
    assert not here.patch().written
    (detail,) = here.stage.sent.details("Remediation Planned")
    assert f"the role is held {STOP}" in detail["remediation"]["why"]
    assert "pullguard resume web-execution" in detail["remediation"]["remedy"]
    ledger.end_hold(role_arn())
    here.expect(render(policy_document(granted(GHCR))))
    assert here.patch(occasion="m-2").written


@pytest.mark.parametrize("code", ["ParameterNotFound", "AccessDeniedException", "ThrottlingException"])
def test_without_an_answer_nothing_is_written_and_the_message_comes_back(act: Acted, code: str) -> None:
    here = act(BROKEN, stop=ClientError({"Error": {"Code": code, "Message": ""}}, "GetParameter"))
    for occasion in ("m-1", "m-1", "m-2"):
        with pytest.raises(NotNow, match="the stop parameter cannot be read"):
            here.patch(occasion=occasion)
    assert here.told() == ["Remediation Failed"]
    assert "ssm:GetParameter" in here.failure()["why"] or code == "ParameterNotFound"
    assert here.stage.ledger.granted(role_arn()) == ()


def test_one_message_twice_is_told_once(act: Acted) -> None:
    here = act(BROKEN)
    for _ in range(2):
        here.expect(render(policy_document(granted(GHCR))))
        here.patch(occasion="m-1")
    assert here.told() == ["Remediation Completed"]
