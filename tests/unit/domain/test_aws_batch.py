"""A task definition that AWS Batch registered: its findings lead to its job definition, never to a revision."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import botocore.session
import pytest

from pullguard.checks.examine import examine
from pullguard.domain.aws_batch import OUTPUT_ONLY, is_owned_by_batch
from pullguard.domain.findings import Finding
from pullguard.domain.usage import FailedStart, Reason, Usage
from pullguard.domain.verification import Verification
from pullguard.planning.planner import Rules, make_plan
from pullguard_cli.gates import pulls_of
from tests.fakes import ACCOUNT, NOW, World, container, revision_arn, role, secret, secret_arn, task_definition

OLD, NEW = secret_arn(suffix="OldOld"), secret(suffix="NewNew")
BATCH = {"AWSBatchServiceTag": "batch"}
DEPTH_MAX = 8
_ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role"

OWNERS: dict[str, tuple[dict[str, str], str | None, bool]] = {
    "its-tag": (BATCH, None, True),
    "its-tag-with-another-value": ({"AWSBatchServiceTag": ""}, None, True),
    "its-service-linked-role": ({}, f"{_ROLE}/AWSServiceRoleForBatch/aws-batch", True),
    "a-tag-in-another-case": ({"awsbatchservicetag": "batch"}, None, False),
    "a-role-of-nearly-its-name": ({}, f"{_ROLE}/AWSServiceRoleForBatchJobs/me", False),
    "a-session-of-its-name": ({}, f"{_ROLE}/deploy/AWSServiceRoleForBatch", False),
    "a-person": ({}, f"arn:aws:iam::{ACCOUNT}:user/me", False),
    "nothing": ({}, None, False),
}


@pytest.mark.parametrize(("tags", "registered_by", "owned"), OWNERS.values(), ids=OWNERS)
def test_who_registered_it(tags: dict[str, str], registered_by: str | None, owned: bool) -> None:
    definition = task_definition(container(NEW), tags=tags)
    if registered_by is not None:
        definition = replace(definition, raw={**definition.raw, "registeredBy": registered_by})
    assert is_owned_by_batch(definition) is owned


def findings(*containers: dict[str, Any], role_name: str | None = "web-execution", **more: Any) -> tuple[Finding, ...]:
    definition = task_definition(*containers, tags=BATCH, role_name=role_name)
    world = World((definition,), (role(reads=[NEW]),), (NEW,), **more)
    return examine(world.facts()).findings


def started(reason: str) -> Usage:
    start = FailedStart(task_arn="task/1", stopped_at=NOW, reasons=(Reason(text=reason),))
    return Usage(newest=True, failed_starts=(start,))


def test_a_reference_is_corrected_in_the_job_definition() -> None:
    (found,) = findings(container(OLD))
    assert (found.check, found.severity, found.remedy.action) == ("reference-stale", "error", "none")
    assert f'"repositoryCredentials": {{"credentialsParameter": "{NEW.arn}"}}' in found.remedy.text
    assert "Register the job definition again" in found.remedy.text
    command = shlex.split(str(found.remedy.snippet))
    assert command[:5] == ["aws", "batch", "register-job-definition", "--region", revision_arn().region]


REMARKS: dict[str, tuple[dict[str, Any], str]] = {
    "not-opted-in": ({"registry": None}, "First make sure that registry/ghcr is meant for this image and this role."),
    "for-other-roles": ({"tags": {"pullguard:roles": "api-*"}}, "The role web-execution cannot read it, and "),
}


@pytest.mark.parametrize(("its", "remark"), REMARKS.values(), ids=REMARKS)
def test_the_remark_that_precedes_the_remedy_is_kept(its: dict[str, Any], remark: str) -> None:
    named = secret(suffix="NewNew", **its)
    world = World((task_definition(container(OLD), tags=BATCH),), (role(),), (named,))
    (found,) = examine(world.facts()).findings
    assert (found.check, found.remedy.action) == ("reference-stale", "none")
    assert remark in found.remedy.text
    assert "job definition belongs" in found.remedy.text


def test_a_reference_that_is_to_go_is_named() -> None:
    image = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/web:1"
    (found,) = findings(container(NEW, image=image))
    assert (found.check, found.remedy.action) == ("credentials-on-ecr-image", "none")
    assert "a new job definition revision in which container app has no repositoryCredentials" in found.remedy.text
    assert "aws batch register-job-definition" in str(found.remedy.snippet)


def test_members_that_only_describing_shows_are_left_out_of_the_file() -> None:
    """The AWS CLI refuses a request with a member that register-job-definition does not know."""
    batch: Any = botocore.session.get_session().get_service_model("batch")
    shown = batch.operation_model("DescribeJobDefinitions").output_shape.members["jobDefinitions"].member
    taken = batch.operation_model("RegisterJobDefinition").input_shape
    only_shown = set(_members(shown)) - set(_members(taken))
    assert set(OUTPUT_ONLY) == only_shown
    for found in (*findings(container(OLD)), *findings(container(NEW), role_name=None)):
        assert {each for each in only_shown if each in found.remedy.text} == only_shown


def _members(shape: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all members of a structure, those of its members included."""
    if shape.type_name == "structure" and path.count(".") < DEPTH_MAX:
        for name, member in shape.members.items():
            yield f"{path}{name}"
            yield from _members(member, f"{path}{name}.")
    elif shape.type_name == "list":
        yield from _members(shape.member, path)


def test_explain_gives_the_same_remedy() -> None:
    facts = World((task_definition(container(OLD), tags=BATCH),), (role(reads=[NEW]),), (NEW,)).facts()
    (found,), (pull,) = examine(facts).findings, pulls_of(facts)
    assert [remark.remedy for step in pull.steps for remark in step.remarks] == [found.remedy]


def test_an_older_revision_is_not_moved_to_a_newer_one() -> None:
    (found,) = findings(container(OLD), running=Usage(newest=False, latest=revision_arn(revision=8)))
    assert "job definition" in found.remedy.text
    assert "update-service" not in str(found.remedy.snippet)


def test_a_finding_that_only_people_correct_leads_there_too() -> None:
    (found,) = findings(container(NEW), role_name=None)
    assert found.check == "execution-role-missing"
    assert found.remedy.text.startswith("Create an execution role that may read the secret, and register a new job def")
    assert '"executionRoleArn": "arn:aws:iam::' in found.remedy.text
    assert found.remedy.text.count("RegisterJobDefinition") == 1
    *before, last = str(found.remedy.snippet).splitlines()
    assert "|| aws iam create-role --role-name ecsTaskExecutionRole-web " in before[0]
    assert shlex.split(last)[:3] == ["aws", "batch", "register-job-definition"]


WRONG: dict[str, dict[str, Any]] = {
    "no role": {"role_name": None},
    "a role that is gone": {"role_name": "gone"},
    "a secret that is gone": {"containers": [container(secret_arn("registry/gone"))]},
    "a reference that is not valid": {"containers": [container("registry ghcr")]},
    "an image of Amazon ECR": {
        "containers": [container(NEW, image=f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/web:1")]
    },
    "no such image": {"verifications": {"ghcr.io/acme/web:1": Verification(answer="no-such-image")}},
    "a start without credentials": {"running": started("CannotPullContainerError: no basic auth credentials")},
    "a start of an image that is not valid": {"running": started("CannotPullContainerError: invalid reference format")},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_no_remedy_registers_a_revision_of_the_task_definition(wrong: dict[str, Any]) -> None:
    more = dict(wrong)
    found = findings(*more.pop("containers", [container(NEW)]), **more)
    assert found
    for each in found:
        assert not re.search("register a revision|register-task-definition", str(each.remedy), re.IGNORECASE)
        assert each.remedy.members == ()
        assert "job definition" in each.remedy.text


def test_the_refusal_names_the_change_of_each_container() -> None:
    definition = task_definition(container(OLD, name="a"), container(OLD, name="b"), tags=BATCH)
    facts = World((definition,), (role(reads=[NEW]),), (NEW,)).facts()
    (refusal,) = make_plan(facts, examine(facts).findings, Rules()).refusals
    assert refusal.remedy.count(str(NEW.arn)) == 2
    assert refusal.snippet is not None
    assert "aws batch register-job-definition" in refusal.snippet
