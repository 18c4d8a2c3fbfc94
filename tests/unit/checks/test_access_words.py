"""What an access finding names: the policy that decides, where to change it, and nothing that nobody has read."""

from typing import Any

import pytest

from pullguard.checks.examine import examine
from pullguard.findings import Finding
from pullguard.model import NamedPolicy
from tests.fakes import TRUST, World, container, role, secret, task_definition

GHCR = secret()
READ = "secretsmanager:GetSecretValue"
BOUNDARY = "arn:aws:iam::111122223333:policy/t-pb"
NO = {"Effect": "Deny", "Action": READ, "Resource": "*", "Sid": "No"}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def found(**changes: Any) -> Finding:
    its_secret = changes.pop("secret", GHCR)
    world = World((task_definition(container(its_secret)),), (role(reads=(its_secret,), **changes),), (its_secret,))
    (finding,) = examine(world.facts()).findings
    return finding


def test_a_boundary_is_named_and_where_its_statements_go() -> None:
    bounds = NamedPolicy(
        name="t-pb", arn=BOUNDARY, document=document({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    )
    finding = found(boundary=bounds)
    assert finding.check == "secret-access-blocked-by-boundary"
    assert f"The boundary is {BOUNDARY}." in finding.evidence
    assert BOUNDARY in finding.remedy.text
    assert READ in (finding.remedy.snippet or "")


DENIED: dict[str, tuple[dict[str, Any], str]] = {
    "attached": (
        {"attached_policies": (NamedPolicy(name="no", arn=f"{BOUNDARY}-no", document=document(NO)),)},
        f"aws iam get-policy-version --policy-arn {BOUNDARY}-no --version-id ",
    ),
    "boundary": (
        {
            "boundary": NamedPolicy(
                name="t-pb", arn=BOUNDARY, document=document({"Effect": "Allow", "Action": "*", "Resource": "*"}, NO)
            )
        },
        f"aws iam get-policy-version --policy-arn {BOUNDARY} --version-id ",
    ),
    "the secret's": (
        {"secret": secret(resource_policy=document({**NO, "Principal": "*"}))},
        f"aws secretsmanager get-resource-policy --region us-east-1 --secret-id {GHCR.arn}",
    ),
}


@pytest.mark.parametrize(("changes", "command"), DENIED.values(), ids=DENIED)
def test_what_denies_is_named_and_shown(changes: dict[str, Any], command: str) -> None:
    finding = found(**changes)
    assert finding.check == "secret-access-denied"
    assert 'statement "No" of' in finding.remedy.text
    assert (finding.remedy.snippet or "").startswith(command)


def test_a_condition_that_ecs_does_not_meet_is_quoted() -> None:
    (statement,) = TRUST["Statement"]
    foreign = {**statement, "Condition": {"StringEquals": {"aws:SourceAccount": "444455556666"}}}  # type: ignore[dict-item]
    finding = found(trust_policy=document(foreign))
    assert finding.check == "execution-role-not-assumable"
    assert "444455556666" in finding.evidence
    assert '"aws:SourceAccount":"111122223333"' in (finding.remedy.snippet or "")


def test_the_policy_of_the_default_key_is_not_said_to_be_read() -> None:
    policies = (
        NamedPolicy(name="read", document=document({"Effect": "Allow", "Action": READ, "Resource": "*"})),
        NamedPolicy(name="no", document=document({**NO, "Action": "kms:Decrypt"})),
    )
    world = World((task_definition(container(GHCR)),), (role(inline_policies=policies),), (GHCR,))
    denied = next(each for each in examine(world.facts()).findings if each.check == "decrypt-access-denied")
    assert "Allow access through" not in denied.evidence
