"""Which findings belong to one incident, and what is broken."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.catalogue import CHECKS, broken_by, incident_of
from pullguard.domain.findings import Finding, Remedy
from pullguard.incidents import broken_thing, common_sentence, shared_things
from tests.fakes import ACCOUNT, REGION, key, revision_arn, role_arn, secret_arn

FINDING = Finding(
    id="0" * 16,
    check="secret-value-malformed",
    status="fail",
    severity="error",
    task_definition=str(revision_arn("web", 7)),
    container="app",
    image="ghcr.io/acme/web:1",
    secret=str(secret_arn()),
    role=str(role_arn()),
    key=str(key().arn),
    cause="The secret registry/ghcr of container app holds no JSON.",
    evidence="",
    remedy=Remedy(),
    source="",
)
OTHERS: dict[str, dict[str, Any]] = {
    "family": {"task_definition": str(revision_arn("api", 7))},
    "secret": {"secret": str(secret_arn("registry/hub"))},
    "role": {"role": str(role_arn("other"))},
    "key": {"key": str(key(2).arn)},
    "image": {"image": "ghcr.io/acme/api:1"},
    "host": {"image": "docker.io/acme/web:1"},
}
# Changes that give a finding of the check another incident.
APART = {
    "secret-value-malformed": {"secret"},
    "secret-scheduled-for-deletion": {"secret"},
    "secret-not-found": {"secret"},
    "reference-stale": {"secret"},
    "reference-malformed": {"family"},
    "reference-not-full-arn": {"family"},
    "credentials-missing": {"family"},
    "registry-mismatch": {"family"},
    "credentials-rejected": {"secret", "host"},
    "registry-rate-limited": {"secret", "host"},
    "image-not-found": {"image", "host"},
    "execution-role-not-found": {"role"},
    "secret-access-missing": {"role", "secret", "key"},
    "decrypt-access-missing": {"role", "secret", "key"},
    "key-unusable": {"key"},
    "task-start-failed": {"family"},
    "fargate-platform-too-old": {"family"},
}


@pytest.mark.parametrize("check", APART)
def test_an_incident_is_the_check_and_the_broken_resource(check: str) -> None:
    finding = replace(FINDING, check=check)
    other = {name for name, change in OTHERS.items() if incident_of(replace(finding, **change)) != incident_of(finding)}
    assert other == APART[check]


@pytest.mark.parametrize("check", [each.id for each in CHECKS])
@pytest.mark.parametrize(
    "change",
    [
        {"status": "unknown"},
        {"severity": "warning"},
        {"cause": "in other words"},
        {"container": "side"},
        {"task_definition": str(revision_arn("web", 8))},
    ],
    ids=["status", "severity", "words", "container", "revision"],
)
def test_neither_state_nor_revision_makes_another_incident(check: str, change: dict[str, Any]) -> None:
    finding = replace(FINDING, check=check)
    assert incident_of(replace(finding, **change)) == incident_of(finding)


def test_no_two_checks_share_an_incident() -> None:
    assert len({incident_of(replace(FINDING, check=each.id)) for each in CHECKS}) == len(CHECKS)


SECRET_KEYS = (f"secret {REGION} {ACCOUNT} registry/ghcr",)
BOTH_NAMES = (*SECRET_KEYS, f"{SECRET_KEYS[0]}-AbCdEf")
ROLE_KEYS = (f"role {ACCOUNT} web-execution",)


@pytest.mark.parametrize(
    ("finding", "things", "words"),
    [
        (FINDING, (SECRET_KEYS,), "secret registry/ghcr"),
        (replace(FINDING, secret="registry/ghcr"), (SECRET_KEYS,), "secret registry/ghcr"),
        (replace(FINDING, check="reference-stale"), (BOTH_NAMES,), "secret registry/ghcr"),
        (replace(FINDING, check="secret-not-found"), (BOTH_NAMES,), "secret registry/ghcr-AbCdEf"),
        (replace(FINDING, check="secret-access-missing"), (ROLE_KEYS, SECRET_KEYS), "role web-execution, secret reg"),
        (replace(FINDING, check="secret-access-missing", role=None), (), "secret registry/ghcr"),
        (replace(FINDING, check="execution-role-not-found"), (ROLE_KEYS,), "role web-execution"),
        (replace(FINDING, check="execution-role-not-found", role="no ARN"), (), "role no ARN"),
        (replace(FINDING, check="key-unusable"), ((str(key().arn),),), "key 00000001-12ab"),
        (replace(FINDING, check="image-not-found"), (), "image ghcr.io/acme/web:1"),
        (replace(FINDING, check="reference-malformed"), (), "secret registry/ghcr"),
        (replace(FINDING, check="credentials-missing", secret=None), (), "registry ghcr.io"),
        (replace(FINDING, check="task-start-failed"), (), "task definition web:7"),
        (replace(FINDING, check="execution-role-missing", role=None), (), "task definition web:7"),
    ],
    ids=lambda value: value.check if isinstance(value, Finding) else None,
)
def test_who_else_is_hit_is_known_by_what_they_share(
    finding: Finding, things: tuple[tuple[str, ...], ...], words: str
) -> None:
    assert shared_things(finding, broken_by(finding)) == things
    assert broken_thing(finding, broken_by(finding)).startswith(words)


def test_the_common_sentence_names_no_container() -> None:
    assert common_sentence(FINDING) == "The secret registry/ghcr holds no JSON."
    assert common_sentence(replace(FINDING, container=None)) == FINDING.cause
