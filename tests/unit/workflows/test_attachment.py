"""A secret is attached to a container that names none: how the proof reaches the executor, and who has to consent."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.checks.credentials_missing import ACCEPTED_FOR
from pullguard.domain.actions import Grant, Reregister
from pullguard.domain.consent import missing_consent
from pullguard.domain.opt_in import is_meant_for
from pullguard.domain.records import from_record, to_record
from pullguard.domain.role import Role
from pullguard.domain.secret import Secret
from pullguard.domain.usage import TaskUse, Usage
from pullguard.domain.verification import Accepted, RegistryAnswer, Verification
from pullguard.planning.planner import Rules
from pullguard.planning.role_needs import wanted_by
from pullguard.store.ledger import Ledger
from tests.fakes import CLUSTER, NOW, World, container, revision_arn, role, secret, task_definition
from tests.flows import ASKED_FOR, Harness

IMAGE = "ghcr.io/acme/web:1"
RUNNING = Usage(newest=True, tasks=(TaskUse(cluster_arn=CLUSTER, task_arn="t", task_definition="web:7"),))
ATTACH = {"pullguard:attach": "true"}
MEANT = secret(tags={"pullguard:roles": "web-execution"})
NEEDY = World(
    (task_definition(container(), tags=ATTACH),),
    (role(),),
    (MEANT,),
    verifications={IMAGE: Verification(answer="ok")},
    as_anybody={IMAGE: Verification(answer="rejected")},
)


def seen_by_an_executor(world: World = NEEDY, **changes: Any) -> World:
    """The same world for an executor, which asks no registry."""
    return replace(world, verifications={}, as_anybody={}, **changes)


@pytest.fixture
def harness(ledger: Ledger) -> Callable[..., Harness]:
    return lambda world=NEEDY, **changes: Harness(ledger, replace(world, asked=[]), **changes)


SetUp = Callable[..., Harness]


def proved(harness: Harness, world: World | None = None) -> list[type]:
    """Return what an executor would do now, in this world."""
    proof = harness.executor(readers=lambda: world or seen_by_an_executor()).prove(ASKED_FOR)
    return [] if proof is None else [type(each) for each in proof.actions]


# --- The validator's answer, through the ledger ----------------------------------------------------------------------


def test_the_validator_asks_twice_and_its_answer_reaches_the_executor(harness: SetUp) -> None:
    here = harness()
    assert here.validate().asked == 1
    kept = here.ledger.entries.get(revision_arn()).accepted
    assert kept == {"app": Accepted(image=IMAGE, secret=MEANT.arn, version="v1", at=NOW)}
    assert proved(here) == [Grant]
    assert proved(here, seen_by_an_executor(roles=(role(reads=[MEANT]),))) == [Reregister]


def test_without_the_validators_answer_an_executor_writes_nothing(harness: SetUp) -> None:
    assert proved(harness()) == []


def test_nothing_is_requested_if_verification_is_off(harness: SetUp) -> None:
    here = harness(replace(NEEDY, verifications={}, as_anybody={}))
    result = here.validate()
    assert (result.asked, result.findings, here.sent.reported()) == (0, 0, [])


def test_its_services_and_tasks_are_read_for_the_proof(harness: SetUp) -> None:
    here = harness(replace(NEEDY, running=RUNNING))
    assert here.validate().findings == 0
    assert ("usage", str(revision_arn())) in here.world.asked
    assert here.sent.messages == []


def test_a_revision_that_has_pulled_once_is_not_broken_when_its_tasks_have_stopped(harness: SetUp) -> None:
    here = harness()
    here.world.running = RUNNING
    here.validate()
    here.world.running = Usage(newest=True)
    here.later(days=1)
    assert here.validate(message_id="m-2").findings == 0
    assert proved(here) == []
    here.ledger.entries.keep_accepted(revision_arn(), here.world.facts().accepted, now=here.now())
    assert proved(here) == []
    assert here.sent.reported() == []


def test_an_unrequested_attachment_is_one_finding_and_no_other_message(harness: SetUp) -> None:
    here = harness(replace(NEEDY, task_definitions=(task_definition(container()),)))
    assert here.validate().asked == 0
    assert here.sent.reported() == ["Finding Opened"]
    assert here.sent.details("Finding Opened")[0]["finding"]["remedy"]["action"] == "none"
    assert here.ledger.entries.get(revision_arn()).accepted == {}


SINCE: dict[str, Callable[[World], World]] = {
    "a task has pulled": lambda it: replace(it, running=RUNNING),
    "another secret is tagged as well": lambda it: replace(it, secrets=(MEANT, secret("registry/other"))),
    "only another secret is left": lambda it: replace(it, secrets=(secret("registry/other", tags=MEANT.tags),)),
    "the secret is rotated": lambda it: replace(it, secrets=(replace(MEANT, stages={"v2": ("AWSCURRENT",)}),)),
    "the secret is not opted in": lambda it: replace(it, secrets=(secret(registry=None),)),
    "the secret is meant for everybody": lambda it: replace(it, secrets=(secret(tags={"pullguard:roles": "*"}),)),
    "the secret is observed": lambda it: replace(
        it, secrets=(secret(tags={**MEANT.tags, "pullguard:mode": "observe"}),)
    ),
    "the owner wants it no more": lambda it: replace(it, task_definitions=(task_definition(container()),)),
    "another image": lambda it: replace(
        it,
        task_definitions=(task_definition(container(image="ghcr.io/acme/web:2"), tags=ATTACH),),
    ),
}


@pytest.mark.parametrize("change", SINCE.values(), ids=SINCE)
def test_the_executor_proves_it_again_from_the_present_state(harness: SetUp, change: Callable[[World], World]) -> None:
    here = harness()
    here.validate()
    assert proved(here, change(seen_by_an_executor())) == []


ANSWERS: dict[str, dict[str, Any]] = {
    "it serves anybody": {"as_anybody": {IMAGE: Verification(answer="anonymous-ok")}},
    "it does not answer": {"as_anybody": {IMAGE: Verification(answer="unreachable")}},
    "it is asked too often": {"as_anybody": {IMAGE: Verification(answer="rate-limited")}},
    "it has no such image": {"as_anybody": {IMAGE: Verification(answer="no-such-image")}},
    "it is not asked": {"as_anybody": {}, "verifications": {}},
    "it refuses the credentials": {"verifications": {IMAGE: Verification(answer="rejected")}},
}


@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
def test_the_registrys_new_answer_replaces_the_old_one(harness: SetUp, answers: dict[str, Any]) -> None:
    here = harness()
    here.validate()
    assert proved(here) == [Grant]
    for name, value in answers.items():
        setattr(here.world, name, value)
    here.later(seconds=60)
    here.validate(message_id="m-2")
    assert here.ledger.entries.get(revision_arn()).accepted == {}
    assert proved(here) == []


@pytest.mark.parametrize("answer", ["anonymous-ok", "ok", "no-such-image", "rate-limited", "unreachable"])
def test_an_answer_that_is_kept_overrules_none_of_ones_own(harness: SetUp, answer: RegistryAnswer) -> None:
    here = harness()
    here.validate()
    world = replace(seen_by_an_executor(), as_anybody={IMAGE: Verification(answer=answer)})
    assert proved(here, world) == []


def test_an_answer_is_believed_for_a_while_only(harness: SetUp) -> None:
    here = harness()
    here.validate()
    here.later(seconds=ACCEPTED_FOR.total_seconds())
    assert proved(here) == [Grant]
    here.later(seconds=1)
    assert proved(here) == []


MUTATIONS: dict[str, dict[str, str]] = {
    "of another image": {"image": "ghcr.io/acme/web:2"},
    "of another secret": {"secret": str(secret("registry/other").arn)},
    "of another version": {"version": "v2"},
    "of the future": {"at": (NOW + timedelta(hours=2)).isoformat()},
}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_an_answer_about_something_else_is_not_believed(harness: SetUp, mutation: dict[str, str]) -> None:
    here = harness()
    here.validate()
    kept = here.ledger.entries.get(revision_arn()).accepted["app"]
    other = from_record(Accepted, json.loads(json.dumps({**to_record(kept), **mutation})))
    here.ledger.entries.keep_accepted(revision_arn(), {"app": other}, now=NOW)
    assert proved(here) == []


# --- A stranger's tag ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("anonymous", [Verification(answer="rejected"), Verification(answer="anonymous-ok")])
def test_a_strangers_tag_lowers_nobodys_mode(harness: SetUp, anonymous: Verification) -> None:
    """A secret for the host of a sidecar, with the tag observe: the fix of the other container goes on."""
    stranger = secret("stranger", registry="docker.io", tags={"pullguard:mode": "observe"})
    definition = task_definition(container(MEANT), container(name="side", image="docker.io/library/nginx:1"))
    here = harness(
        World(
            (definition,),
            (role(),),
            (MEANT, stranger),
            verifications={"docker.io/library/nginx:1": Verification(answer="ok")},
            as_anybody={"docker.io/library/nginx:1": anonymous},
        )
    )
    assert here.validate().asked == 1
    assert proved(here, here.world) == [Grant]


# --- Consent ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roles", "meant"),
    [
        (None, False),
        ("", False),
        ("*", False),
        ("**", False),
        ("?*", False),
        ("* ?", False),
        ("web-execution", True),
        ("web-*", True),
        ("* web-execution", True),
        ("*-execution", True),
        ("api-*", False),
        ("* api-*", False),
        ("web-execution ${aws:username}", False),
    ],
)
def test_a_secret_is_meant_for_a_role_that_its_tag_names(roles: str | None, meant: bool) -> None:
    tags = {} if roles is None else {"pullguard:roles": roles}
    assert is_meant_for(secret(tags=tags), "web-execution") is meant


@pytest.mark.parametrize(
    ("tags", "of", "holder", "words"),
    [
        (ATTACH, MEANT, role(), None),
        ({}, MEANT, role(), "has no tag pullguard:attach=true"),
        ({"pullguard:attach": "yes"}, MEANT, role(), "has no tag pullguard:attach=true"),
        (ATTACH, secret(), role(), "names no role"),
        (ATTACH, secret(tags={"pullguard:roles": "api-*"}), role(), "does not name the role"),
        (ATTACH, secret(registry=None, tags={"pullguard:roles": "web-execution"}), role(), "is not opted in"),
        (ATTACH, MEANT, role(managed=False), "is not opted in"),
    ],
)
def test_a_third_owner_has_to_consent(tags: dict[str, str], of: Secret, holder: Role, words: str | None) -> None:
    definition = task_definition(container(), tags=tags)
    missing = missing_consent(definition, definition.containers[0], of, holder)
    assert (missing is None) is (words is None)
    assert missing is None or str(words) in missing.why


def test_a_container_that_names_its_secret_needs_no_third_consent() -> None:
    ghcr = secret()
    definition = task_definition(container(ghcr))
    assert missing_consent(definition, definition.containers[0], ghcr, role()) is None


def test_a_grant_is_wanted_only_with_the_third_consent() -> None:
    facts = replace(NEEDY.facts(), accepted={"app": Accepted(image=IMAGE, secret=MEANT.arn, version="v1", at=NOW)})
    assert list(wanted_by([facts], Rules(), "remediate")) == [MEANT.arn]
    after = replace(facts, task_definition=task_definition(container()))
    assert wanted_by([after], Rules(), "remediate") == {}
