"""Who is affected by a change, what it costs to find out, and what asks for nothing."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Rejected
from pullguard.domain.role import NamedPolicy
from pullguard.store.ledger import Ledger
from pullguard.workflows.resolve_change import COPIES_S
from tests.fakes import Crash, World, container, key, role, task_definition
from tests.flows import Harness, request
from tests.unit.workflows.resolve_change.scene import API, EVENTS, GHCR, OTHER, WEB, asked, resolver, sample


def test_the_world_of_these_tests_is_known_to_the_ledger(harness: Harness) -> None:
    assert harness.ledger.entries.dependents(str(GHCR.arn)) == (API, WEB)
    assert harness.ledger.entries.dependents(str(key().arn)) == (API,)


AFFECTED: dict[str, list[Any]] = {
    # events about a task definition name it
    "register-task-definition": [WEB],
    "update-service": [WEB],
    # events about a secret concern those that reference it, by its ARN or by its name
    "put-secret-value": [API, WEB],
    "secret-label-updated": [API, WEB],
    "delete-secret": [API, WEB],
    "create-secret": [API, WEB],
    "untag-secret": [API, WEB],
    "rotation-failed": [API, WEB],
    "rotation-succeeded": [API, WEB],
    # events about a role concern those that run under it
    "put-role-policy": [WEB],
    "delete-role": [WEB],
}


@pytest.mark.parametrize(("name", "expected"), AFFECTED.items(), ids=AFFECTED)
def test_affected_task_definitions_are_validated(harness: Harness, name: str, expected: list[Any]) -> None:
    result = resolver(harness).resolve(sample(name))
    assert asked(harness) == [str(each) for each in expected]
    assert (result.affected, result.cold) == (len(expected), result.cold)


def test_a_key_affects_the_secrets_under_it(harness: Harness) -> None:
    its = json.loads(sample("disable-key"))
    text = json.dumps(its)
    (arn,) = {part for part in text.replace('"', " ").split() if ":key/" in part}
    resolver(harness).resolve(text.replace(arn, str(key().arn)))
    assert asked(harness) == [str(API)]


@pytest.mark.parametrize("name", ["create-policy-version", "set-default-policy-version"])
@pytest.mark.parametrize("place", ["attached_policies", "boundary"])
def test_a_managed_policy_affects_the_roles_that_have_it(ledger: Ledger, name: str, place: str) -> None:
    policy = NamedPolicy(name="its", document={}, arn="arn:aws:iam::111122223333:policy/registry-secrets")
    its_role = role(reads=[GHCR])
    changes: Any = {place: (policy,) if place == "attached_policies" else policy}
    its_role = replace(its_role, **changes)
    other = task_definition(container(GHCR), family="other", role_name="other-execution")
    roles = (its_role, role("other-execution", reads=[GHCR]))
    here = Harness(ledger, World((task_definition(container(GHCR)), other), roles, (GHCR,)))
    for arn in (WEB, OTHER):
        here.validate(request(arn))
    here.sent.messages.clear()
    resolver(here).resolve(sample(name))
    assert asked(here) == [str(WEB)]


NAMED_OTHERWISE = {
    "by its name": "registry/ghcr",
    "without its suffix": "arn:aws:secretsmanager:us-east-1:111122223333:secret:registry/ghcr",
    "by its ARN": str(GHCR.arn),
}


@pytest.mark.parametrize("reference", NAMED_OTHERWISE.values(), ids=NAMED_OTHERWISE)
@pytest.mark.parametrize("there", [True, False], ids=["a secret that is there", "a secret that is gone"])
def test_a_dependent_is_found_however_it_names_the_secret(ledger: Ledger, reference: str, there: bool) -> None:
    definition = task_definition(container(reference))
    here = Harness(ledger, World((definition,), (role(),), (GHCR,) if there else ()))
    here.validate(request(definition.arn))
    here.sent.messages.clear()
    for name in ("secret-label-updated", "put-secret-value", "create-secret", "tag-secret", "rotation-failed"):
        here.sent.messages.clear()
        here.later(seconds=COPIES_S)
        resolver(here).resolve(sample(name))
        assert asked(here) == [str(WEB)], name


def test_a_secret_of_another_region_is_found_where_its_events_are_forwarded(ledger: Ledger) -> None:
    far = replace(GHCR, arn=Arn.parse(str(GHCR.arn).replace("us-east-1", "eu-west-1")))
    definition = task_definition(container(far))
    here = Harness(ledger, World((definition,), (role(),), (far,)))
    here.validate(request(definition.arn))
    here.sent.messages.clear()
    resolver(here).resolve(sample("secret-label-updated").replace("us-east-1", "eu-west-1"))
    assert asked(here) == [str(WEB)]


def test_a_message_carries_the_provenance(harness: Harness) -> None:
    resolver(harness).resolve(sample("put-secret-value"))
    incidents = [each["cause"]["kind"] for each in harness.sent.bodies("validations")]
    assert incidents == ["PutSecretValue"] * 2


ONE_QUERY = (
    "secret-label-updated",
    "put-secret-value",
    "update-secret",
    "update-secret-version-stage",
    "delete-secret",
    "rotation-succeeded",
    "rotation-failed",
    "put-role-policy",
    "disable-key",
)


@pytest.mark.parametrize("name", ONE_QUERY)
def test_who_is_affected_is_one_query_and_no_question_to_aws(harness: Harness, name: str) -> None:
    calls: Counter[str] = Counter()
    client = harness.ledger.entries._client
    client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: calls.update([model.name]), unique_id="count"
    )
    try:
        harness.world.asked.clear()
        resolver(harness).resolve(sample(name))
    finally:
        client.meta.events.unregister("before-call.dynamodb", unique_id="count")
    assert calls["Query"] == 1
    assert harness.world.asked == []


# --- No dependents, and dependents that are unknown yet ---


def test_an_unused_resource_affects_no_task_definition(harness: Harness) -> None:
    harness.definition_store.save_sweep_state({"sweep": "1"})
    text = (
        sample("put-secret-value").replace("registry/ghcr-AbCdEf", "nobodys-Nobody").replace("registry/ghcr", "nobodys")
    )
    assert resolver(harness).resolve(text).affected == 0
    assert harness.sent.messages == []


def test_an_empty_ledger_asks_for_a_first_sweep_and_only_one(ledger: Ledger) -> None:
    here = Harness(ledger, World())
    event = sample("put-secret-value")
    results = [resolver(here).resolve(event.replace('"id": "', f'"id": "{number}')) for number in range(3)]
    assert [each.cold for each in results] == [True, True, True]
    (sweep,) = here.sent.bodies("sweeps")
    assert sweep["token"] is None
    assert len(sweep["sweep"]) == 16


def test_a_first_sweep_that_could_not_be_sent_is_asked_for_by_the_same_event(ledger: Ledger) -> None:
    here = Harness(ledger, World())
    here.sent.failing.append("send_message")
    with pytest.raises(Crash):
        resolver(here).resolve(sample("put-secret-value"))
    resolver(here).resolve(sample("put-secret-value"))
    assert len(here.sent.bodies("sweeps")) == 1


def test_a_first_sweep_that_came_to_nothing_is_asked_for_again(ledger: Ledger) -> None:
    here = Harness(ledger, World())
    resolver(here).resolve(sample("put-secret-value"))
    here.later(minutes=15)
    resolver(here).resolve(sample("put-secret-value"))
    assert len(here.sent.bodies("sweeps")) == 2


def test_an_event_that_affects_no_task_definition_requests_nothing_after_a_sweep(ledger: Ledger) -> None:
    here = Harness(ledger, World())
    here.definition_store.save_sweep_state({"sweep": "1"})
    assert not resolver(here).resolve(sample("put-secret-value")).cold
    assert here.sent.messages == []


# --- What is not ours, or cannot be used ---


def test_a_forwarded_event_of_another_account_is_rejected(ledger: Ledger) -> None:
    here = Harness(ledger, World())
    with pytest.raises(Rejected, match="web:7 is not of this account and Region"):
        resolver(here).resolve(sample("register-task-definition").replace("111122223333", "444455556666"))
    assert here.sent.messages == []


@pytest.mark.parametrize("path", sorted((EVENTS / "malformed").glob("*.json")), ids=lambda path: path.stem)
def test_a_malformed_event_asks_for_nothing(ledger: Ledger, path: Path) -> None:
    here = Harness(ledger, World())
    with pytest.raises(Rejected):
        resolver(here).resolve(path.read_text(encoding="utf-8"))
    assert here.sent.messages == []


@pytest.mark.parametrize("path", sorted((EVENTS / "eventbridge").glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_can_be_resolved(ledger: Ledger, path: Path) -> None:
    here = Harness(ledger, World((task_definition(container(GHCR)),)))
    resolver(here).resolve(path.read_text(encoding="utf-8"))
    assert len(here.sent.messages) == 1  # the one that is named, or the first sweep
