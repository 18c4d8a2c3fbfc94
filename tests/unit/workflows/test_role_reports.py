"""The reports of a reconciliation, the exact requests to IAM, the gate, and the validation requests that follow."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pullguard.alerts import Notice, compose
from pullguard.aws.iam import Iam
from pullguard.domain.arn import Arn
from pullguard.domain.errors import Denied
from pullguard.domain.messages import LISTED, Review, ValidationRequest
from pullguard.domain.policy_document import POLICY_NAME, Granted, OwnPolicy, policy_document, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.remediation import Remediation
from pullguard.domain.role_item import GrantRecord, PolicyWrite, RoleItem
from pullguard.domain.role_policy import NO_ROOM, STRANGER, RolePolicyChange
from pullguard.domain.role_state import RoleState
from pullguard.domain.stop import Stop, switch_text
from pullguard.store.ledger import Ledger
from pullguard.workflows.execute import WAITS_S
from pullguard.workflows.reconcile_role import LAST_CHECK_AFTER
from pullguard.workflows.role_reports import (
    REVOKED_SHOWS_S,
    RoleFollowUps,
    RoleGate,
    RolePolicies,
    RoleReports,
)
from pullguard.workflows.write_checks import CannotReport, Held
from tests.fakes import NOW, REGION, World, granted, key, revision_arn, role_arn, secret
from tests.flows import ASKED_FOR, OWN_POLICY, Harness, Writes
from tests.unit.workflows.granted_role import a_write, recorded

ROLE, WEB, API = role_arn(), str(revision_arn()), str(revision_arn("api"))
GHCR, HUB = secret(), secret("registry/hub", "HubHub", registry="docker.io")
KEYED = secret("keyed", "KeyKey", key=key())
USERS = {str(GHCR.arn): WEB, str(HUB.arn): API, str(KEYED.arn): WEB}
REVIEW = Review(role=ROLE, provenance=Provenance(kind=LISTED, event_id="s-1", at=NOW))
STOP = Stop(by="ada", at="noon")
HELD = Held("the role is held", STOP, "pullguard resume web-execution")
DENIED = Denied("iam:DeleteRolePolicy", "the role web-execution", "AccessDenied")


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return Harness(ledger, World())


def reports(here: Harness, request: ValidationRequest | Review = ASKED_FOR) -> RoleReports:
    return RoleReports(executor=here.executor(), request=request)


def a_change(**changes: Any) -> RolePolicyChange:
    return replace(RolePolicyChange(kind="put", policy=OWN_POLICY, users=USERS), **changes)


def reported(here: Harness, event: str = "Remediation Completed") -> list[Any]:
    return [each["remediation"] for each in here.sent.details(event)]


def text(*secrets: Any) -> str:
    return render(policy_document(granted(*secrets)))


# --- A write ---


def test_each_grant_and_each_revocation_of_a_write_is_reported_with_the_policy_before_and_after(
    harness: Harness,
) -> None:
    write = a_write(granted(HUB), granted(GHCR), users=USERS, reasons={str(HUB.arn): "no tag"})
    reports(harness).written(ROLE, write, a_change(added={GHCR.arn: granted(GHCR)[0]}, revoked={HUB.arn: "no tag"}))
    revoked, added = reported(harness)
    assert (revoked["kind"], revoked["secret"], revoked["why"], revoked["task_definition"]) == (
        *("withdraw", str(HUB.arn), "no tag"),
        API,
    )
    assert (added["kind"], added["secret"], added["why"], added["task_definition"]) == ("grant", str(GHCR.arn), "", WEB)
    for each in (revoked, added):
        assert (each["before"], each["after"], each["occasion"]) == (text(HUB), text(GHCR), write.id)
        assert (each["target"], each["role"]) == (str(ROLE), str(ROLE))


REPORTED: dict[str, tuple[PolicyWrite, RolePolicyChange, list[tuple[str, str | None]]]] = {
    "an-addition-with-its-key": (
        a_write((), granted(KEYED), users=USERS),
        a_change(added={KEYED.arn: granted(KEYED)[0]}),
        [(str(KEYED.arn), str(key().arn))],
    ),
    "a-new-key": (
        a_write((Granted(secret=KEYED.arn, key=None),), granted(KEYED), users=USERS),
        a_change(rekeyed=frozenset({KEYED.arn})),
        [(str(KEYED.arn), str(key().arn))],
    ),
    "what-comes-back": (
        a_write(granted(HUB), granted(GHCR, HUB), users=USERS, restored=(HUB.arn,)),
        a_change(added={GHCR.arn: granted(GHCR)[0]}, restored=frozenset({HUB.arn})),
        [(str(GHCR.arn), None), (str(HUB.arn), None)],
    ),
    "nothing-of-what-stays": (a_write(granted(HUB), granted(HUB), users=USERS), a_change(), []),
    "without-a-task-definition-under-the-one-that-was-asked-about": (
        a_write((), granted(GHCR)),
        a_change(added={GHCR.arn: granted(GHCR)[0]}, users={}),
        [(str(GHCR.arn), None)],
    ),
}


@pytest.mark.parametrize(("write", "change", "expected"), REPORTED.values(), ids=REPORTED)
def test_every_arn_that_a_write_adds_is_reported(
    harness: Harness, write: PolicyWrite, change: RolePolicyChange, expected: list[tuple[str, str | None]]
) -> None:
    reports(harness).written(ROLE, write, change)
    assert [(each["secret"], each["key"]) for each in reported(harness)] == expected


MANY = [secret(f"registry/s{number}", f"Many{number:02}") for number in range(7)]
ADDED = a_change(added={each.secret: each for each in granted(*MANY)})


def test_each_report_of_a_write_names_all_that_it_grants_and_for_whom(harness: Harness) -> None:
    write = a_write((), granted(*MANY), users={str(each.arn): API if each is MANY[1] else WEB for each in MANY})
    reports(harness).written(ROLE, write, ADDED)
    found = reported(harness)
    assert [each["secret"] for each in found] == [str(each.arn) for each in MANY]
    named = [{"secret": str(each.arn), "task_definition": API if each is MANY[1] else WEB} for each in MANY]
    for each in found:
        assert (each["why"], each["grants"], each["grants_count"]) == ("one write grants 7 secrets", named, 7)


def test_a_write_of_one_grant_names_no_others(harness: Harness) -> None:
    reports(harness).written(ROLE, a_write((), granted(GHCR), users=USERS), a_change(added={GHCR.arn: GHCR}))
    (found,) = reported(harness)
    assert (found["why"], found["grants"], found["grants_count"]) == ("", [], 0)


def test_the_alert_of_a_write_names_eighty_grants_and_matches_the_filter_of_every_family(harness: Harness) -> None:
    many = [secret(f"registry/{'team-' * 20}{number:02}", f"Many{number:02}") for number in range(80)]
    users = {str(each.arn): str(revision_arn(f"f{number}")) for number, each in enumerate(many)}
    write = a_write((), granted(*many), users=users)
    reports(harness).written(ROLE, write, a_change(added={many[0].arn: granted(many[0])[0]}))
    deed = Remediation.from_dict(reported(harness)[0]).deed
    alert = compose(Notice(kind="Remediation Completed", account="111122223333", region=REGION, deed=deed))
    assert all(f"- {each.arn.resource_name} for f{number}:7\n" in alert.text for number, each in enumerate(many))
    assert alert.attributes["family"] == ("several", *(f"f{number}" for number in range(80)))


def test_the_grants_that_a_report_names_have_a_limit_in_bytes(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pullguard.workflows.role_reports.GRANTS_MAX_BYTES", 600)
    write = a_write((), granted(*MANY), users={str(each.arn): WEB for each in MANY})
    reports(harness).written(ROLE, write, ADDED)
    found = reported(harness)[0]
    assert 0 < len(json.dumps(found["grants"])) <= 600
    assert (len(found["grants"]), found["grants_count"]) == (3, 7)


def test_all_grants_of_a_write_are_one_deed_whichever_run_reports_them_and_its_revocations_are_their_own(
    harness: Harness,
) -> None:
    write = a_write(granted(HUB), granted(*MANY), users=USERS | dict.fromkeys((str(each.arn) for each in MANY), WEB))
    write = replace(write, reasons={str(HUB.arn): "no tag"})
    reports(harness).written(ROLE, write, ADDED)
    reports(harness, REVIEW).left_open(ROLE, replace(write, outcome="done"))
    records = [Remediation.from_dict(each) for each in reported(harness)]
    assert len(records) == len(MANY) + 1
    assert len({each.deed_id for each in records}) == 2
    reports(harness).written(ROLE, replace(write, id="another"), ADDED)
    assert len({Remediation.from_dict(each).deed_id for each in reported(harness)}) == 4


def test_a_grant_that_moves_from_the_former_policy_is_named_and_has_no_report_of_its_own(harness: Harness) -> None:
    write = a_write((), granted(GHCR, HUB), users=USERS)
    reports(harness).written(ROLE, write, a_change(added={GHCR.arn: granted(GHCR)[0]}))
    (added,) = reported(harness)
    assert (added["secret"], "one write grants 2 secrets" in added["why"]) == (str(GHCR.arn), True)
    reports(harness, REVIEW).left_open(ROLE, replace(write, outcome="done"))
    assert [each["secret"] for each in reported(harness)].count(str(GHCR.arn)) == 1


def test_adopted_grants_are_deeds_of_their_own(harness: Harness) -> None:
    reports(harness).adopted(ROLE, recorded(GHCR, HUB))
    assert len({Remediation.from_dict(each).deed_id for each in reported(harness)}) == 2


def test_a_grant_that_stays_beside_those_of_this_stack_is_named(harness: Harness) -> None:
    write = a_write(granted(HUB), granted(GHCR, HUB), users=USERS, strangers=(HUB.arn,))
    reports(harness).written(ROLE, write, a_change(added={GHCR.arn: granted(GHCR)[0]}))
    (added,) = reported(harness)
    assert added["why"] == f"it also grants {HUB.arn}, which this stack has not granted"


def test_a_write_is_reported_once_however_often_its_run_is_repeated(harness: Harness) -> None:
    write = a_write((), granted(GHCR), users=USERS)
    for _ in range(2):
        reports(harness).written(ROLE, write, a_change(added={GHCR.arn: granted(GHCR)[0]}))
    reports(harness, REVIEW).left_open(ROLE, replace(write, outcome="done"))
    assert len(reported(harness)) == 1


# --- A write whose run died ---

DEAD: dict[str, tuple[PolicyWrite, list[tuple[str, str]]]] = {
    "what-it-added": (a_write((), granted(GHCR)), [("grant", str(GHCR.arn))]),
    "a-new-key": (a_write((Granted(secret=KEYED.arn, key=None),), granted(KEYED)), [("grant", str(KEYED.arn))]),
    "nothing-of-what-stayed": (a_write(granted(HUB), granted(GHCR, HUB)), [("grant", str(GHCR.arn))]),
    "nothing-of-others-that-a-rollback-put-back": (
        a_write((), granted(GHCR, HUB), strangers=(HUB.arn,)),
        [("grant", str(GHCR.arn))],
    ),
    "what-iam-did-not-show-any-more": (
        a_write(granted(GHCR), granted(GHCR, HUB), restored=(GHCR.arn,)),
        [("grant", str(GHCR.arn)), ("grant", str(HUB.arn))],
    ),
    "what-it-may-have-added": (a_write((), granted(GHCR), outcome="lost"), [("grant", str(GHCR.arn))]),
    "what-it-revoked": (a_write(granted(HUB), (), reasons={str(HUB.arn): "no tag"}), [("withdraw", str(HUB.arn))]),
    "nothing-of-a-revocation-that-is-lost": (
        a_write(granted(HUB), (), reasons={str(HUB.arn): "no tag"}, outcome="lost"),
        [],
    ),
}


@pytest.mark.parametrize(("write", "expected"), DEAD.values(), ids=DEAD)
def test_a_write_of_a_run_that_died_is_reported(
    harness: Harness, write: PolicyWrite, expected: list[tuple[str, str]]
) -> None:
    reports(harness, REVIEW).left_open(ROLE, replace(write, users=USERS))
    assert [(each["kind"], each["secret"]) for each in reported(harness)] == expected


@pytest.mark.parametrize(("user", "count"), [(WEB, 1), ("", 0)], ids=["known", "unknown"])
def test_an_adopted_grant_is_reported_once_for_its_task_definition(harness: Harness, user: str, count: int) -> None:
    records: tuple[GrantRecord, ...] = recorded(GHCR, task_definition=user)
    for _ in range(2):
        reports(harness).adopted(ROLE, records)
    assert [each["secret"] for each in reported(harness)] == [str(GHCR.arn)] * count


# --- What is not written ---


def test_a_grant_that_finds_no_room_is_a_failure_with_a_remedy(harness: Harness) -> None:
    reports(harness).decided(ROLE, a_change(refused={GHCR.arn: NO_ROOM}))
    (failed,) = reported(harness, "Remediation Failed")
    assert "exceed the 10240 characters that IAM allows" in failed["why"]
    assert "managed policy" in failed["remedy"]


def test_a_remaining_grant_without_consent_is_reported_once_and_an_unneeded_one_is_not(harness: Harness) -> None:
    unneeded: Mapping[Arn, Any] = {GHCR.arn: "grant-without-consent", HUB.arn: "grant-unneeded"}
    for _ in range(2):
        reports(harness).decided(ROLE, a_change(after=granted(GHCR, HUB), unneeded=unneeded))
    (planned,) = reported(harness, "Remediation Planned")
    assert (planned["kind"], planned["secret"]) == ("withdraw", str(GHCR.arn))
    assert "does not consent to this grant any more" in planned["why"]
    assert "Set the owner's tag again" in planned["remedy"]


def test_a_grant_without_consent_that_this_very_write_revokes_is_not_reported_as_remaining(harness: Harness) -> None:
    change = a_change(after=(), unneeded={GHCR.arn: "grant-without-consent"}, revoked={GHCR.arn: "no tag"})
    reports(harness).decided(ROLE, change)
    assert harness.sent.reported() == []


@pytest.mark.parametrize(
    ("change", "held"),
    [
        (a_change(reported={HUB.arn: STRANGER}), f"a grant of {HUB.arn}"),
        (a_change(foreign=('{"Effect": "Deny"}',)), 'the statement {"Effect": "Deny"}'),
        (a_change(foreign=tuple("abcdefg")), "the statement e and 2 more"),
    ],
    ids=["a-grant", "a-statement", "many"],
)
@pytest.mark.parametrize("request_", [ASKED_FOR, REVIEW], ids=["a-task-definition", "a-role"])
def test_a_grant_that_this_stack_did_not_make_is_reported_once_and_stays(
    harness: Harness, request_: Any, change: RolePolicyChange, held: str
) -> None:
    for _ in range(2):
        reports(harness, request_).decided(ROLE, change)
    (refused,) = reported(harness, "Remediation Refused")
    assert refused["why"].startswith(f"{OWN_POLICY} holds what this stack has not granted: ")
    assert held in refused["why"]
    assert (refused["target"], refused["task_definition"]) == (str(ROLE), WEB)


@pytest.mark.parametrize("request_", [ASKED_FOR, REVIEW], ids=["a-task-definition", "a-role"])
def test_a_policy_of_our_name_that_is_not_ours_to_read_is_reported_once_a_day(harness: Harness, request_: Any) -> None:
    item = RoleItem(grants=(GrantRecord(granted=granted(GHCR)[0], task_definition=WEB, granted_at=NOW),))
    for _ in range(2):
        reports(harness, request_).unreadable(ROLE, item, STATE)
    (failed,) = reported(harness, "Remediation Failed")
    assert OWN_POLICY in failed["why"]
    assert "left alone" in failed["why"]


def test_a_refusal_of_iam_is_a_failure_for_each_grant(harness: Harness) -> None:
    change = a_change(after=granted(GHCR, KEYED), added={GHCR.arn: granted(GHCR)[0]}, rekeyed=frozenset({KEYED.arn}))
    reports(harness).not_written(ROLE, change, DENIED)
    failed = reported(harness, "Remediation Failed")
    assert {each["secret"] for each in failed} == {str(GHCR.arn), str(KEYED.arn)}
    assert all("ManagedRolePattern" in each["remedy"] for each in failed)


def test_a_refusal_of_the_content_says_what_to_compare(harness: Harness) -> None:
    change = a_change(after=granted(GHCR), added={GHCR.arn: granted(GHCR)[0]})
    error = Denied("iam:PutRolePolicy", "the role web-execution", "MalformedPolicyDocument")
    reports(harness).not_written(ROLE, change, error)
    (failed,) = reported(harness, "Remediation Failed")
    assert failed["why"] == "AWS refused iam:PutRolePolicy on the role web-execution (MalformedPolicyDocument)"
    assert "content of the policy" in failed["remedy"]
    assert "ManagedRolePattern" not in failed["remedy"]


_DELETE = f"aws iam delete-role-policy --role-name web-execution --policy-name {OWN_POLICY}"
_PUT = f"aws iam put-role-policy --role-name web-execution --policy-name {OWN_POLICY} --policy-document "
GHCR_OF_OTHERS = Granted(secret=GHCR.arn, key=key().arn)
BY_HAND: dict[str, tuple[RolePolicyChange, str | None]] = {
    "nothing-stays": (a_change(kind="delete", before=granted(GHCR)), _DELETE),
    "another-grant-stays": (
        a_change(before=granted(GHCR, HUB), after=granted(HUB)),
        f"{_PUT}'{text(HUB)}'",
    ),
    "another-is-added": (a_change(before=granted(GHCR), after=granted(HUB)), _DELETE),
    "another-has-a-new-key": (
        a_change(before=(*granted(GHCR), Granted(secret=KEYED.arn, key=None)), after=granted(KEYED)),
        f"{_PUT}'{render(policy_document([Granted(secret=KEYED.arn, key=None)]))}'",
    ),
    "a-grant-of-others-of-the-same-secret-stays": (
        a_change(before=(*granted(GHCR), GHCR_OF_OTHERS), after=(GHCR_OF_OTHERS,)),
        f"{_PUT}'{render(policy_document([GHCR_OF_OTHERS]))}'",
    ),
    "a-statement-of-others-stays": (a_change(before=granted(GHCR), foreign=("theirs",)), None),
}


@pytest.mark.parametrize(("change", "snippet"), BY_HAND.values(), ids=BY_HAND)
def test_a_revocation_that_iam_refuses_is_reported_with_the_command(
    harness: Harness, change: RolePolicyChange, snippet: str | None
) -> None:
    change = replace(change, revoked={GHCR.arn: "no tag"})
    reports(harness, REVIEW).not_written(ROLE, change, DENIED)
    failed = reported(harness, "Remediation Failed")[0]
    assert failed["why"] == f"the grant REMAINS (no tag): {DENIED}"
    assert (failed["snippet"], "by hand" in failed["remedy"]) == (snippet, True)


@pytest.mark.parametrize("request_", [ASKED_FOR, REVIEW], ids=["a-validation", "a-review"])
def test_a_write_that_a_hold_refuses_is_planned_and_waits(harness: Harness, request_: Any) -> None:
    change = a_change(
        before=granted(HUB), after=granted(GHCR), added={GHCR.arn: granted(GHCR)[0]}, revoked={HUB.arn: "no tag"}
    )
    reports(harness, request_).not_written(ROLE, change, HELD)
    assert {each["kind"] for each in reported(harness, "Remediation Planned")} == {"grant", "withdraw"}
    assert harness.ledger.holds.waiting(now=NOW) == (request_.subject,)


def test_without_an_answer_about_the_stop_the_message_comes_back(harness: Harness) -> None:
    change = a_change(after=granted(GHCR), added={GHCR.arn: granted(GHCR)[0]})
    with pytest.raises(CannotReport):
        reports(harness).not_written(ROLE, change, CannotReport("no answer"))
    assert harness.sent.reported() == ["Remediation Failed"]


def test_an_open_breaker_is_reported_once_an_hour_for_each_grant_and_requests_again(harness: Harness) -> None:
    change = a_change(after=granted(GHCR, HUB), added={each.secret: each for each in granted(GHCR, HUB)})
    for _ in range(2):
        reports(harness).breaker_open(ROLE, change, (GHCR.arn, HUB.arn))
    assert harness.sent.reported() == ["Remediation Failed"] * 2
    assert [each["task_definition"] for each in harness.sent.bodies("validations")] == [WEB]
    harness.later(hours=1)
    reports(harness).breaker_open(ROLE, change, (GHCR.arn,))
    assert f"the grant of {GHCR.arn} on the role {ROLE}" in reported(harness, "Remediation Failed")[0]["why"]


# --- The gate ---


def test_a_stop_or_a_hold_in_the_item_keeps_a_write_from_being_made(harness: Harness) -> None:
    gate = RoleGate(guard=harness.executor().guard)
    gate.admit(ROLE, RoleItem())
    with pytest.raises(Held, match="the role is held"):
        gate.admit(ROLE, RoleItem(hold=STOP))
    harness.stop = switch_text(STOP)
    with pytest.raises(Held, match="everything is stopped"):
        RoleGate(guard=harness.executor().guard).admit(ROLE, RoleItem())


def test_without_an_answer_about_the_stop_nothing_is_admitted(harness: Harness) -> None:
    harness.stop = ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "GetParameter")
    with pytest.raises(CannotReport):
        RoleGate(guard=harness.executor().guard).admit(ROLE, RoleItem())


# --- IAM ---


@pytest.fixture
def writes(ledger: Ledger) -> Iterator[Writes]:
    client = boto3.client("iam", region_name=REGION)
    with Stubber(client) as stubber:
        yield Writes(Harness(ledger, World()), stubber, Iam(client))
        stubber.assert_no_pending_responses()


ALIEN = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
STATE = RoleState(
    created_at=NOW,
    policy=OWN_POLICY,
    own=OwnPolicy(name=OWN_POLICY),
    former=OwnPolicy(name=POLICY_NAME, statements=(ALIEN,)),
)


def test_our_policy_is_written_by_the_exact_request(writes: Writes) -> None:
    writes.expect(GHCR, HUB)
    RolePolicies(iam=writes.iam).put(ROLE, OWN_POLICY, STATE, granted(GHCR, HUB))


def test_a_role_with_a_path_is_written_by_its_name(writes: Writes) -> None:
    writes.expect()
    RolePolicies(iam=writes.iam).delete(Arn.parse(str(ROLE).replace("role/", "role/service/")), OWN_POLICY)


def test_the_statements_of_others_stay_in_the_policy_that_they_are_in(writes: Writes) -> None:
    document = policy_document(granted(GHCR))
    body = render({**document, "Statement": [*document["Statement"], ALIEN]})
    parameters = {"RoleName": "web-execution", "PolicyName": POLICY_NAME, "PolicyDocument": body}
    writes.stubber.add_response("put_role_policy", {}, parameters)
    RolePolicies(iam=writes.iam).put(ROLE, POLICY_NAME, STATE, granted(GHCR))


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("AccessDenied", Denied),
        ("LimitExceeded", Denied),
        ("MalformedPolicyDocument", Denied),
        ("UnmodifiableEntity", Denied),
        ("ValidationError", Denied),
        ("NoSuchEntity", ClientError),
        ("ServiceFailure", ClientError),
        ("Throttling", ClientError),
    ],
)
def test_an_error_of_iam_propagates(writes: Writes, code: str, raised: type[Exception]) -> None:
    writes.expect(GHCR, error=code)
    with pytest.raises(raised):
        RolePolicies(iam=writes.iam).put(ROLE, OWN_POLICY, STATE, granted(GHCR))


# --- The validation requests that follow ---


def follow_ups(here: Harness) -> list[tuple[str, int]]:
    """Whose validation or review is asked for, and after how many seconds."""
    bodies = (json.loads(each["MessageBody"]) for each in here.sent.messages)
    subjects = (each.get("task_definition") or each["role"] for each in bodies)
    return list(zip(subjects, (each["DelaySeconds"] for each in here.sent.messages), strict=True))


LAST = (str(ROLE), int(LAST_CHECK_AFTER.total_seconds()))
AFTER: dict[str, tuple[RolePolicyChange, Any, list[tuple[str, int]]]] = {
    "an-addition": (a_change(added={HUB.arn: granted(HUB)[0]}), REVIEW, [(API, WAITS_S[0]), LAST]),
    "an-addition-and-who-asked-for-it": (
        a_change(added={HUB.arn: granted(HUB)[0]}),
        ASKED_FOR,
        [(API, WAITS_S[0]), (WEB, WAITS_S[0]), LAST],
    ),
    "a-new-key": (a_change(rekeyed=frozenset({HUB.arn})), REVIEW, [(API, WAITS_S[0]), LAST]),
    "what-comes-back": (a_change(restored=frozenset({HUB.arn})), REVIEW, [(API, WAITS_S[0]), LAST]),
    "a-revocation": (a_change(revoked={HUB.arn: "no tag"}), REVIEW, [(API, REVOKED_SHOWS_S), LAST]),
    "both": (
        a_change(added={GHCR.arn: granted(GHCR)[0]}, revoked={HUB.arn: "no tag"}),
        REVIEW,
        [(API, REVOKED_SHOWS_S), (WEB, REVOKED_SHOWS_S), LAST],
    ),
    "a-move": (a_change(), REVIEW, [LAST]),
}


@pytest.mark.parametrize(("change", "request_", "expected"), AFTER.values(), ids=AFTER)
def test_after_a_write_those_it_was_for_are_validated_and_the_role_is_reconciled_once_more(
    harness: Harness, change: RolePolicyChange, request_: Any, expected: list[tuple[str, int]]
) -> None:
    RoleFollowUps(executor=harness.executor(), request=request_).written(ROLE, change)
    assert follow_ups(harness) == expected


@pytest.mark.parametrize("request_", [ASKED_FOR, REVIEW], ids=["a-validation", "a-review"])
def test_the_same_question_is_asked_again(harness: Harness, request_: Any) -> None:
    RoleFollowUps(executor=harness.executor(), request=request_).again(ROLE, LAST_CHECK_AFTER)
    assert follow_ups(harness) == [(str(request_.subject), int(LAST_CHECK_AFTER.total_seconds()))]
    assert json.loads(harness.sent.messages[0]["MessageBody"])["cause"] == request_.provenance.to_dict()
