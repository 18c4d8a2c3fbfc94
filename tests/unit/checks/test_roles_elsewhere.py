"""An execution role that is not there: what answers to its name instead, and what to write."""

from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.examine import examine
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Finding
from pullguard.domain.lookup import Missing, NotAsked
from tests.fakes import ACCOUNT, World, container, role, role_arn, secret, task_definition

GHCR = secret()
NOT_ASKED = NotAsked(why="offline", switch="--live")


def facts(text: str, looked: Any) -> Facts:
    definition = replace(task_definition(container(GHCR)), execution_role=text)
    return replace(World((definition,), (role(),), (GHCR,)).facts(), role=looked)


def finding(text: str, looked: Any) -> Finding:
    (found,) = (each for each in examine(facts(text, looked)).findings if each.check.startswith("execution-role"))
    assert (found.check, found.status) == ("execution-role-not-found", "fail")
    assert "NoSuchEntity" not in found.evidence
    return found


def test_a_role_of_another_path_is_reported_and_named() -> None:
    text = f"arn:aws:iam::{ACCOUNT}:role/zz/web-execution"
    found = finding(text, Missing(resource=text, instead=str(role_arn())))
    assert str(role_arn()) in found.evidence
    assert found.remedy.snippet == f'"executionRoleArn": "{role_arn()}"'


@pytest.mark.parametrize("looked", [NOT_ASKED, "missing"], ids=["offline", "asked"])
@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("arn:aws:iam::999988887777:role/web-execution", "account 999988887777"),
        (f"arn:aws-cn:iam::{ACCOUNT}:role/web-execution", "partition aws-cn"),
    ],
)
def test_a_role_of_another_account_or_partition_cannot_be_used(text: str, where: str, looked: Any) -> None:
    found = finding(text, Missing(resource=text, instead=str(role_arn())) if looked == "missing" else looked)
    assert where in found.cause
    assert "create-role" not in (found.remedy.snippet or "")
    assert ('web-execution"' in (found.remedy.snippet or "")) is (looked == "missing")


def test_a_malformed_reference_hides_no_missing_role() -> None:
    here = World((task_definition(container("registry/*"), role_name=None),)).facts()
    assert [each.check for each in examine(here).findings] == ["reference-malformed", "execution-role-missing"]


@pytest.mark.parametrize("image", ["ghcr.io/Acme/Web:1", "a:1:2", "0123456789abcdef" * 4])
def test_an_image_that_no_runtime_pulls_is_not_found(image: str) -> None:
    here = World((task_definition(container(secret(registry=None), image=image)),), (role(reads=(GHCR,)),), (GHCR,))
    assert "image-not-found" in {each.check for each in examine(here.facts()).findings}


def test_a_password_in_an_image_is_not_shown() -> None:
    image = "https://ci:Sup3rS3cret@ghcr.io/acme/web"
    examined = examine(World((task_definition(container(GHCR, image=image)),), (role(),), (GHCR,)).facts())
    assert "image-not-found" in {each.check for each in examined.findings}
    assert "Sup3rS3cret" not in repr(examined)
