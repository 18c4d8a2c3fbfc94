"""The rules as deployed: each sample event is let in by the rules that should, and each rule lets some in."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.demo.scene import Scene
from tests.e2e.conftest import DemoRun

EVENTS = Path(__file__).parents[2] / "events"
SAMPLES = sorted(path.stem for path in (EVENTS / "eventbridge").glob("*.json"))

REGISTERED, SERVICE = "TaskDefinitionRegisteredRule", "ServiceChangedRule"
STOPPED, STARTED, LABEL = "TaskFailedToStartRule", "TaskStartedRule", "SecretLabelUpdatedRule"
SECRET, ROTATION = "SecretChangedRule", "SecretRotationRule"
KEY, ROLE, POLICY = "KeyChangedRule", "RoleChangedRule", "PolicyChangedRule"
NOTICED = "KeyNoticedRule"

NOT_LET_IN = {
    "task-stopped-without-stop-code": "without a stop code nothing but the text tells why; the sweep looks at it",
}
"""Samples of events that are understood, and that no rule lets in: they would be every task that ever stopped."""

STEMS = {
    REGISTERED: ["register-task-definition"],
    SERVICE: ["create-service", "update-service"],
    STOPPED: ["task-stopped"],
    STARTED: ["task-started", "task-ran"],
    LABEL: ["secret-label-updated"],
    ROTATION: ["rotation-", "test-rotation"],
    NOTICED: ["key-deleted", "key-material-expired"],
    KEY: ["grant", "-key", "key-material"],
    POLICY: ["policy-version"],
    ROLE: ["role"],
    SECRET: ["secret", "resource-policy", "replica", "stop-replication"],
}
"""Words in a sample's name that say which rule lets it in; the first that fits."""

RELEVANT = {
    "bad-account", "bad-role-name", "bad-secret-name", "bad-time", "both-parts-dropped", "contradicts-itself",
    "no-resources", "other-account", "other-accounts-policy", "other-region", "rotation-of-nothing", "wildcard-arn",
    "key-by-alias",
}  # fmt: skip
"""Malformed samples that look right to a rule, which sees less than the function; the others no rule lets in."""


def _wanted(sample: str) -> set[str]:
    if sample in NOT_LET_IN:
        return set()
    return {next(rule for rule, words in STEMS.items() if any(word in sample for word in words))}


@pytest.fixture(scope="module")
def patterns(ran: DemoRun) -> dict[str, str]:
    """The patterns of the stack's rules on the default bus, by logical id."""
    return _patterns(ran.scene, bus="default")


def _patterns(scene: Scene, *, bus: str) -> dict[str, str]:
    found = scene.aws.client("events").list_rules(EventBusName=bus)["Rules"]
    by_name = {rule["Name"]: rule["EventPattern"] for rule in found if rule.get("EventPattern")}
    physical = {logical: id_.rpartition("/")[2] for logical, id_ in scene.stack.of_type("AWS::Events::Rule").items()}
    names = {logical: id_.rpartition("|")[2] for logical, id_ in physical.items()}
    return {logical: by_name[name] for logical, name in names.items() if name in by_name}


def _matching(scene: Scene, patterns: dict[str, str], event: dict[str, Any]) -> set[str]:
    client, text = scene.aws.client("events"), json.dumps(event)
    return {
        rule
        for rule, pattern in patterns.items()
        if client.test_event_pattern(EventPattern=pattern, Event=text)["Result"]
    }


def test_all_rules_have_a_pattern(ran: DemoRun, patterns: dict[str, str]) -> None:
    assert set(patterns) == set(STEMS)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_is_let_in_by_its_rule(ran: DemoRun, patterns: dict[str, str], sample: str) -> None:
    event = json.loads((EVENTS / "eventbridge" / f"{sample}.json").read_text(encoding="utf-8"))
    assert _matching(ran.scene, patterns, event) == _wanted(sample)


def test_a_start_that_failed_is_let_in_as_a_failure_and_as_a_start(ran: DemoRun, patterns: dict[str, str]) -> None:
    event = json.loads((EVENTS / "eventbridge" / "task-stopped-fargate.json").read_text(encoding="utf-8"))
    event["detail"]["group"] = "family:web"
    assert _matching(ran.scene, patterns, event) == {STOPPED, STARTED}


def test_every_rule_lets_some_sample_in() -> None:
    assert set().union(*map(_wanted, SAMPLES)) == set(STEMS)


@pytest.mark.parametrize("sample", sorted(path.stem for path in (EVENTS / "malformed").glob("*.json")))
def test_foreign_events_match_no_rule(ran: DemoRun, patterns: dict[str, str], sample: str) -> None:
    text = (EVENTS / "malformed" / f"{sample}.json").read_text(encoding="utf-8")
    try:
        event = json.loads(text)
    except ValueError:
        return  # EventBridge carries JSON only
    if not isinstance(event, dict) or "source" not in event or "detail-type" not in event:
        return  # nor an event without these
    assert bool(_matching(ran.scene, patterns, event)) == (sample in RELEVANT)


def test_facts_reach_the_alerts_and_nothing_else_does(ran: DemoRun) -> None:
    patterns = _patterns(ran.scene, bus=ran.scene.stack.outputs["BusName"])
    assert set(patterns) == {"AlertRule"}
    facts = [event for event in ran.scene.aws.events() if event["Source"] == "pullguard"]
    envelope = {
        "version": "0",
        "id": "x",
        "account": "111122223333",
        "time": "2026-11-23T12:00:00Z",
        "region": "us-east-1",
    }
    for fact in facts:
        event = {**envelope, "source": "pullguard", "detail-type": fact["DetailType"], "resources": [], "detail": {}}
        assert _matching(ran.scene, patterns, event) == {"AlertRule"}
        assert _matching(ran.scene, patterns, {**event, "source": "somebody"}) == set()
    assert {fact["DetailType"].partition(" ")[0] for fact in facts} == {"Finding", "Remediation"}
