"""The text of access findings: the policy that decides, where to change it, and only names that were read."""

from typing import Any

import pytest

from pullguard.checks.examine import examine
from pullguard.domain.findings import Finding
from pullguard.domain.role import NamedPolicy
from tests.fakes import TRUST, World, container, key, role, secret, task_definition

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
def test_the_denying_statement_is_named_and_shown(changes: dict[str, Any], command: str) -> None:
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


WILDCARDS: dict[str, tuple[Any, str]] = {
    "every-service": ("*", '"Service": "*" is not a service'),
    "a-pattern": ("ecs-*.amazonaws.com", '"Service": "ecs-*.amazonaws.com" is not a service'),
    "among-others": (["ec2.amazonaws.com", "*"], '"Service": "*" is not a service'),
}


@pytest.mark.parametrize(("services", "says"), WILDCARDS.values(), ids=WILDCARDS)
def test_a_wildcard_in_the_place_of_a_service_is_reported_as_unsupported(services: Any, says: str) -> None:
    (statement,) = TRUST["Statement"]
    finding = found(trust_policy=document({**statement, "Principal": {"Service": services}}))  # type: ignore[dict-item]
    assert (finding.check, finding.status) == ("execution-role-not-assumable", "fail")
    assert f"{says}: IAM supports no wildcard there" in finding.evidence
    assert "has to name ecs-tasks.amazonaws.com" in finding.evidence


ALIASES = {
    "by-its-arn": "arn:aws:kms:us-east-1:111122223333:alias/registry",
    "by-a-pattern": "arn:aws:kms:*:*:alias/*",
    "by-its-name": "alias/registry",
    "among-others": ["arn:aws:s3:::x", "arn:aws:kms:us-east-1:111122223333:alias/registry"],
}


@pytest.mark.parametrize("resource", ALIASES.values(), ids=ALIASES)
@pytest.mark.parametrize("layer", ["identity", "boundary"])
def test_an_alias_as_a_resource_is_reported_as_no_key(resource: Any, layer: str) -> None:
    its = secret(key=key(aliases=("alias/registry",)))
    reads = {"Effect": "Allow", "Action": READ, "Resource": str(its.arn)}
    by_alias = {"Sid": "ByAlias", "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": resource}
    decrypts = {**by_alias, "Resource": "*"}
    own = NamedPolicy(name="own", document=document(reads, by_alias if layer == "identity" else decrypts))
    bounds = NamedPolicy(name="t-pb", arn=BOUNDARY, document=document(reads, by_alias))
    who = role(inline_policies=(own,), boundary=bounds if layer == "boundary" else None)
    world = World((task_definition(container(its)),), (who,), (its,))
    (finding,) = examine(world.facts()).findings
    expected = {"identity": "decrypt-access-missing", "boundary": "secret-access-blocked-by-boundary"}
    assert finding.check == expected[layer]
    assert 'tatement "ByAlias" of' in finding.evidence
    assert f"the alias itself, not its key, so it has to name {key().arn}" in finding.evidence


def test_an_alias_that_another_action_names_is_not_mentioned() -> None:
    its = secret(key=key())
    statements = (
        {"Effect": "Allow", "Action": READ, "Resource": str(its.arn)},
        {"Effect": "Allow", "Action": "kms:CreateAlias", "Resource": ALIASES["by-its-arn"]},
    )
    who = role(inline_policies=(NamedPolicy(name="own", document=document(*statements)),))
    world = World((task_definition(container(its)),), (who,), (its,))
    (finding,) = examine(world.facts()).findings
    assert "alias" not in finding.evidence


def test_the_policy_of_the_default_key_is_not_reported_as_read() -> None:
    policies = (
        NamedPolicy(name="read", document=document({"Effect": "Allow", "Action": READ, "Resource": "*"})),
        NamedPolicy(name="no", document=document({**NO, "Action": "kms:Decrypt"})),
    )
    world = World((task_definition(container(GHCR)),), (role(inline_policies=policies),), (GHCR,))
    denied = next(each for each in examine(world.facts()).findings if each.check == "decrypt-access-denied")
    assert "Allow access through" not in denied.evidence
