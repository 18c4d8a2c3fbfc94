"""Each finding in its world, and nothing in the near miss."""

import json
from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.examine import examine
from pullguard.domain.usage import Usage
from pullguard_cli.gates import pulls_of
from tests.remedies.table import NOT_PASTED, PASTED
from tests.worlds.catalogue import CASES
from tests.worlds.catalogue.by_hand import the_secret, with_secret
from tests.worlds.catalogue.parts import CREDENTIALS
from tests.worlds.catalogue.scene import Case
from tests.worlds.commands import commands_of, piped
from tests.worlds.examining import facts_of, findings_of

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
# Near misses that are another task definition, or that are out of use or undecided.
PROVES_NOTHING = {
    "reference-malformed: another partition",
    "credentials-missing: and not to those with credentials",
    "credentials-missing: and not to those with credentials, whom it limits",
    "credentials-missing: and does not limit it",
    "credentials-missing: and knows its name",
    "credentials-missing: and answers",
    "credentials-missing: and has no fault",
    "credentials-missing: a twin with credentials",
    "credentials-missing: two secrets to choose from",
    "credentials-on-ecr-image: a malformed reference beside it",
    "secret-replica-failed: in progress for hours",
    "execution-role-missing: no executionRoleArn",
    "execution-role-not-found: a role of nothing",
    "fargate-platform-too-old: no Windows",
    "fargate-platform-too-old: with credentials",
    "container-agent-too-old: of its launch type",
    "container-agent-too-old: by capacity provider",
    "container-agent-too-old: not Fargate",
    "container-agent-too-old: of its cluster",
    "task-start-failed: too many pulls",
    "task-start-failed: fifteen minutes ago",
    "task-start-failed: credentials not read",
    "task-start-failed: not Amazon ECR's",
}
PASTED_CHECKS = {row.check for row in PASTED}
BY_NAME = [pytest.param(case, id=f"{case.check}: {case.way}") for case in CASES]


@pytest.mark.parametrize("case", BY_NAME)
def test_exactly_that_finding(case: Case) -> None:
    found = findings_of(case.broken)
    assert [(each.check, each.status, each.severity) for each in found] == [(case.check, case.status, case.severity)]
    assert str(CREDENTIALS["password"]) not in repr(found)


@pytest.mark.parametrize("case", BY_NAME)
def test_nothing_in_the_near_miss(case: Case) -> None:
    assert findings_of(case.near_miss) == ()


@pytest.mark.parametrize("case", BY_NAME)
def test_the_near_miss_ends_the_finding(case: Case) -> None:
    """A finding ends only if its check says that it is over: no check may fall silent where all is well."""
    open_ = {finding.id for facts in facts_of(case.broken) for finding in examine(facts).findings}
    passed = {id_ for facts in facts_of(case.near_miss) for id_ in examine(facts).passed}
    assert (open_ <= passed) is (f"{case.check}: {case.way}" not in PROVES_NOTHING)


# --- Remedies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", BY_NAME)
def test_the_aws_cli_and_ecs_accept_every_command_to_paste(case: Case) -> None:
    for facts in facts_of(case.broken):
        for finding in examine(facts).findings:
            remedy = finding.remedy
            assert not remedy.commands or finding.check in PASTED_CHECKS | NOT_PASTED.keys(), (
                "see tests/remedies/table.py"
            )
            if remedy.commands.startswith('{"'):  # a statement to put somewhere by hand
                assert json.loads(remedy.commands)
                continue
            commands = tuple(commands_of(remedy))
            assert [fault for command in commands for fault in command.faults()] == []
            assert all(json.loads(f"{{{member}}}") for member in remedy.members)
            granting = (command for command in commands if command.operation in ("put-role-policy", "create-policy"))
            given = [document for command in granting for document in command.documents()]
            assert [each for each in given if _is_broad(each)] == []


def _is_broad(document: Any) -> bool:
    """Whether a policy that a remedy writes on a role allows something on everything."""
    statements = document.get("Statement", []) if isinstance(document, dict) else []
    return any(each["Effect"] == "Allow" and each.get("Resource") in ("*", ["*"]) for each in statements)


@pytest.mark.parametrize("case", BY_NAME)
def test_explain_gives_the_remedy_of_the_audit(case: Case) -> None:
    for facts in facts_of(case.broken):
        found = {(each.check, each.remedy) for each in examine(facts).findings}
        remarks = [remark for pull in pulls_of(facts) for step in pull.steps for remark in step.remarks]
        assert {(each.check, each.remedy) for each in remarks} == found


OF_ANOTHER_ACCOUNT = [case for case in CASES if case.check == "secret-resource-policy-missing"]


@pytest.mark.parametrize("case", OF_ANOTHER_ACCOUNT, ids=lambda case: case.way)
def test_the_resource_policy_to_paste_lets_the_role_in(case: Case) -> None:
    """The embedded AWS finds no secret of another account, so this is pasted on paper."""
    (facts,) = facts_of(case.broken)
    (finding,) = examine(facts).findings
    reads, writes = commands_of(finding.remedy)
    assert (reads.operation, writes.operation) == ("get-resource-policy", "put-resource-policy")
    assert {each.options["--secret-id"] for each in (reads, writes)} == {finding.secret}
    present = the_secret(facts)
    secret = replace(present, resource_policy=piped(finding.remedy, present.resource_policy))
    assert examine(with_secret(facts, secret)).findings == ()


def test_every_agent_that_is_too_old_is_updated() -> None:
    (case,) = (
        each for each in CASES if (each.check, each.way) == ("container-agent-too-old", "whatever its constraints")
    )
    (facts,) = facts_of(case.broken)
    assert isinstance(facts.usage, Usage)
    (instance,) = facts.usage.instances
    several = tuple(replace(instance, instance_arn=f"{instance.instance_arn}{number}") for number in range(12))
    (finding,) = examine(facts.with_usage(replace(facts.usage, instances=several))).findings
    updated = [command.options["--container-instance"] for command in commands_of(finding.remedy)]
    assert updated == [each.instance_arn for each in several[:10]]
    assert "the first 10 of 12" in finding.remedy.text
