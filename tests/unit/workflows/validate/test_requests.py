"""A validation asks the executors for actions, or only reports them as planned or refused."""

from dataclasses import replace

import pytest

from pullguard.domain.actions import Mode
from pullguard.domain.policy_document import POLICY_NAME, own_policy_name, policy_document
from pullguard.domain.role import NamedPolicy
from pullguard.domain.usage import Usage
from pullguard.domain.verification import Verification
from pullguard.planning.planner import Rules
from tests.fakes import NOW, Crash, World, container, granted, key, revision_arn, role, secret, service, task_definition
from tests.flows import OWN_POLICY, request
from tests.unit.workflows.granted_role import keep, recorded
from tests.unit.workflows.validate.scene import BROKEN, GHCR, HEALTHY, KEYED, STALE, SetUp


def test_a_grant_is_asked_for_in_the_group_of_its_role(harness: SetUp) -> None:
    here = harness(BROKEN)
    assert here.validate().asked == 1
    (message,) = here.sent.messages
    assert message["QueueUrl"] == "grants.fifo"
    assert here.sent.bodies("grants.fifo")[0]["task_definition"] == str(revision_arn())
    # The message names no grant: the executor determines it by itself.
    assert set(here.sent.bodies("grants.fifo")[0]) == {"task_definition", "cause"}


def test_the_ledger_knows_a_grant_before_it_is_asked_for_so_that_another_write_may_include_it(harness: SetUp) -> None:
    here = harness(BROKEN)
    here.sent.failing = ["send_message"]
    with pytest.raises(Crash):
        here.validate()
    (grant,) = here.ledger.entries.asked(role().arn, now=NOW)
    assert (grant.task_definition, grant.secret) == (revision_arn(), GHCR.arn)


@pytest.mark.parametrize(
    ("world", "mode"), [(BROKEN, "observe"), (HEALTHY, "remediate")], ids=["while-observing", "in-health"]
)
def test_no_grant_is_known_that_is_not_asked_for(harness: SetUp, world: World, mode: Mode) -> None:
    here = harness(world, mode=mode)
    here.validate()
    assert here.ledger.entries.asked(role().arn, now=NOW) == ()


def test_grants_to_one_role_are_made_one_after_the_other_and_another_roles_beside_them(
    harness: SetUp,
) -> None:
    definitions = (
        task_definition(container(GHCR)),
        task_definition(container(GHCR), family="api"),
        task_definition(container(GHCR), family="batch", role_name="batch-execution"),
    )
    here = harness(replace(BROKEN, task_definitions=definitions, roles=(role(), role("batch-execution"))))
    for each in definitions:
        here.validate(request(each.arn), message_id=f"m-{each.family}")
    web, api, batch = (message["MessageGroupId"] for message in here.sent.messages)
    assert web == api != batch


def granted_by(name: str) -> World:
    """The broken world after a stack has granted the secret in its policy ``name``."""
    policy = NamedPolicy(name=name, document=policy_document(granted(GHCR)))
    return replace(BROKEN, roles=(role(inline_policies=(policy,)),), asked=[])


def test_access_that_another_stack_granted_is_asked_for_since_that_stack_may_revoke_it(harness: SetUp) -> None:
    here = harness(granted_by(own_policy_name("eu-west-1", "pullguard")))
    validated = here.validate()
    assert (validated.findings, validated.asked) == (0, 1)
    assert [each["task_definition"] for each in here.sent.bodies("grants.fifo")] == [str(revision_arn())]
    (grant,) = here.ledger.entries.asked(role().arn, now=NOW)
    assert grant.secret == GHCR.arn


@pytest.mark.parametrize("name", [OWN_POLICY, POLICY_NAME])
def test_access_that_this_stack_granted_is_asked_for_no_more(harness: SetUp, name: str) -> None:
    here = harness(granted_by(name))
    assert here.validate().asked == 0
    assert here.sent.messages == []


def test_beside_another_stacks_grant_an_unused_revision_needs_none(harness: SetUp) -> None:
    world = granted_by(own_policy_name("eu-west-1", "pullguard"))
    unused = Usage(newest=False, services=(), tasks=())
    here = harness(replace(world, running=unused))
    assert here.validate().asked == 0


def test_a_new_revision_is_asked_for_in_the_group_of_its_family(harness: SetUp) -> None:
    here = harness(STALE)
    here.validate()
    (message,) = here.sent.messages
    assert message["QueueUrl"] == "reregistrations.fifo"


def test_no_later_need_is_swallowed_as_a_copy(harness: SetUp) -> None:
    here = harness(BROKEN)
    for message_id in ("m-1", "m-1", "m-2"):
        here.validate(message_id=message_id)
    one, copy, later = (message["MessageDeduplicationId"] for message in here.sent.messages)
    assert one == copy != later
    assert len({message["MessageGroupId"] for message in here.sent.messages}) == 1


def test_observing_requests_nothing_and_reports_the_plan_once(harness: SetUp) -> None:
    here = harness(BROKEN, mode="observe")
    assert [here.validate().asked, here.validate(message_id="m-2").asked] == [0, 0]
    assert here.sent.messages == []
    assert here.sent.reported() == ["Finding Opened", "Remediation Planned"]


def test_observing_reports_every_step_ahead(harness: SetUp) -> None:
    here = harness(replace(STALE, roles=(role(),)), mode="observe")
    here.validate()
    kinds = [each["remediation"]["kind"] for each in here.sent.details("Remediation Planned")]
    assert kinds == ["grant", "reregister"]


OBSERVE = {"pullguard:mode": "observe"}
IMAGE = "ghcr.io/acme/web:1"
LOWERED: dict[str, World] = {
    "role": replace(BROKEN, roles=(role(tags=OBSERVE),)),
    "secret": replace(BROKEN, secrets=(secret(tags=OBSERVE),)),
    "task-definition": replace(BROKEN, task_definitions=(task_definition(container(GHCR), tags=OBSERVE),)),
    "replacement": replace(STALE, secrets=(secret(tags=OBSERVE),)),
    "secret-that-would-be-named": World(
        (task_definition(container(), tags={"pullguard:attach": "true"}),),
        (role(reads=[GHCR]),),
        (secret(tags={**OBSERVE, "pullguard:roles": "web-execution"}),),
        verifications={IMAGE: Verification(answer="ok")},
        as_anybody={IMAGE: Verification(answer="rejected")},
    ),
}


@pytest.mark.parametrize("lowered", LOWERED.values(), ids=LOWERED)
def test_a_tag_lowers_the_mode(harness: SetUp, lowered: World) -> None:
    here = harness(lowered)
    assert here.validate().asked == 0
    assert here.sent.messages == []
    assert "Remediation Planned" in here.sent.reported()


@pytest.mark.parametrize(
    ("world", "mode", "observed"),
    [
        (BROKEN, "remediate", False),
        (BROKEN, "observe", True),
        *((lowered, "remediate", True) for lowered in LOWERED.values()),
    ],
    ids=["remediates", "observes", *LOWERED],
)
def test_a_finding_is_kept_with_whether_its_fix_follows(
    harness: SetUp, world: World, mode: Mode, observed: bool
) -> None:
    here = harness(world, mode=mode)
    here.validate()
    assert {each.finding.observed for each in here.ledger.entries.get(revision_arn()).findings} == {observed}


def test_the_grant_record_says_under_which_key_a_secret_that_is_gone_comes_back(harness: SetUp) -> None:
    here = harness(replace(HEALTHY, secrets=(), task_definitions=(task_definition(container(KEYED)),)))
    keep(here.ledger, *recorded(KEYED))
    here.validate()
    (kept,) = here.ledger.entries.get(revision_arn()).findings
    assert f"--kms-key-id {key().arn}" in str(kept.finding.remedy.snippet)
    assert "pullguard:registry,Value=ghcr.io" in str(kept.finding.remedy.snippet)


def test_a_tag_never_raises_the_mode(harness: SetUp) -> None:
    here = harness(replace(BROKEN, roles=(role(tags={"pullguard:mode": "remediate"}),)), mode="observe")
    assert here.validate().asked == 0


@pytest.mark.parametrize("mode", ["observe", "remediate"])
def test_a_refusal_is_reported_once(harness: SetUp, mode: str) -> None:
    here = harness(replace(BROKEN, secrets=(secret(registry=None),)), mode=mode)
    for message_id in ("m-1", "m-2"):
        here.validate(message_id=message_id)
    (detail,) = here.sent.details("Remediation Refused")
    assert "not opted in" in detail["remediation"]["why"]
    assert here.sent.messages == []


UNREAD = replace(STALE, roles=(role(),))  # its role cannot read the secret that a new revision would name
CLOSED = secret(registry=None)
REFUSALS: dict[str, tuple[World, list[str]]] = {
    "the-secrets-owner-has-not-consented": (replace(UNREAD, secrets=(CLOSED,)), ["grant"]),
    "the-roles-owner-has-not-consented": (replace(UNREAD, roles=(role(managed=False),)), ["grant"]),
    "no-grant-is-missing": (replace(STALE, roles=(role(reads=[CLOSED], managed=False),)), ["reregister"]),
    "the-registration-is-refused-for-a-reason-of-its-own": (
        replace(
            UNREAD,
            secrets=(CLOSED,),
            task_definitions=tuple(
                replace(each, tags={"aws:cloudformation:stack-name": "prod"}) for each in STALE.task_definitions
            ),
        ),
        ["grant", "reregister"],
    ),
}


@pytest.mark.parametrize(("world", "kinds"), REFUSALS.values(), ids=REFUSALS)
def test_a_family_is_refused_once_for_each_reason(harness: SetUp, world: World, kinds: list[str]) -> None:
    here = harness(world)
    assert here.validate().asked == 0
    assert [each["remediation"]["kind"] for each in here.sent.details("Remediation Refused")] == kinds


def test_each_family_gets_an_alert_of_a_wrong_host_which_no_command_of_the_owner_ends(harness: SetUp) -> None:
    (web,) = STALE.task_definitions
    families = (web, replace(web, arn=revision_arn("api"), family="api"))
    here = harness(replace(UNREAD, task_definitions=families, secrets=(secret(registry="docker.io"),)))
    for each in families:
        here.validate(request(each.arn), message_id=each.family)
    refused = [each["remediation"] for each in here.sent.details("Remediation Refused")]
    assert {each["snippet"] for each in refused} == {None}
    assert [each["target"] for each in refused if each["kind"] == "reregister"] == ["web", "api"]


def test_services_are_asked_for_where_they_may_be_moved(harness: SetUp) -> None:
    running = Usage(newest=False, successor=revision_arn(revision=8), services=(service(),))
    here = harness(replace(STALE, running=running), rules=Rules(move_services=True))
    assert here.validate().asked == 1
    assert [each["QueueUrl"] for each in here.sent.messages] == ["reregistrations.fifo"]
