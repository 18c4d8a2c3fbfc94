import json
from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.examine import examine
from pullguard.checks.gather import gather
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Remedy
from pullguard.domain.lookup import Missing
from pullguard.domain.policy_document import policy_document
from pullguard.domain.role import NamedPolicy
from pullguard.domain.secret import Secret
from tests.fakes import (
    NOW,
    World,
    container,
    granted,
    key,
    revision_arn,
    role,
    role_arn,
    secret,
    task_definition,
)
from tests.worlds.commands import commands_of, piped

GRANTS = "aws iam put-role-policy"


def remedy_of(check: str, *, image: str = "ghcr.io/acme/web:1", managed: bool = True, **tags: Any) -> Remedy:
    named = secret(**tags)
    world = World((task_definition(container(named, image=image)),), (role(managed=managed),), (named,))
    facts = gather(str(revision_arn()), world, now=NOW)
    assert isinstance(facts, Facts)
    (finding,) = (each for each in examine(facts).findings if each.check == check)
    return finding.remedy


@pytest.mark.parametrize(
    ("world", "action", "hands_out", "says"),
    [
        ({}, "grant", True, "Let the role"),
        ({"registry": None}, "none", True, "First make sure that registry/ghcr is meant"),
        ({"managed": False}, "none", True, "First make sure that registry/ghcr is meant"),
        ({"image": "evil.example/x:1"}, "none", False, "is for ghcr.io, the image is on evil.example"),
        ({"tags": {"pullguard:roles": "api-*"}}, "none", False, "does not name the role web-execution"),
    ],
    ids=["both-consent", "not-opted-in", "role-not-managed", "for-another-registry", "for-other-roles"],
)
def test_a_command_that_grants_is_offered_only_where_no_owner_said_no(
    world: dict[str, Any], action: str, hands_out: bool, says: str
) -> None:
    remedy = remedy_of("secret-access-missing", **world)
    assert remedy.action == action
    assert (GRANTS in (remedy.snippet or "")) == hands_out
    assert says in remedy.text


def test_no_remedy_adds_a_strangers_host_to_a_tag() -> None:
    remedy = remedy_of("registry-mismatch", image="evil.example/x:1")
    assert remedy.snippet is None
    assert "evil.example" not in (remedy_of("secret-access-missing", image="evil.example/x:1").snippet or "")


# --- Where AWS does not find what it has just described ----------------------------------------------------------

CLOSED: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
GONE = Missing(resource="what-is-gone")
VANISHED: dict[str, tuple[str, Secret, dict[str, Any]]] = {
    "ListAttachedRolePolicies": ("secret-access-missing", secret(), {"attached_policies": GONE}),
    "ListRolePolicies": ("secret-access-missing", secret(), {"inline_policies": GONE}),
    "GetPolicy of the boundary": ("secret-access-blocked-by-boundary", secret(), {"boundary": GONE}),
    "GetResourcePolicy": ("secret-access-denied", secret(resource_policy=GONE), {"reads": [secret()]}),
    "ListSecretVersionIds": ("key-unusable", secret(current_keys=GONE), {"reads": [secret()]}),
    "ListGrants": ("decrypt-access-missing", secret(key=key(policy=CLOSED, grants=GONE)), {"reads": [secret()]}),
}


@pytest.mark.parametrize(("check", "its", "its_role"), VANISHED.values(), ids=VANISHED)
def test_a_resource_that_aws_did_not_find_is_read_again_and_not_corrected(
    check: str, its: Secret, its_role: dict[str, Any]
) -> None:
    world = World((task_definition(container(its)),), (role(**its_role),), (its,))
    found = [each for each in examine(world.facts()).findings if each.status == "unknown"]
    assert check in {each.check for each in found}
    for finding in found:
        assert "was not found, although AWS had just described it" in finding.evidence
        assert "there is nothing to correct" in finding.remedy.text
        assert "Correct the policy" not in finding.remedy.text


# --- Where one layer alone opens nothing -------------------------------------------------------------------------

LIMIT = NamedPolicy(name="limit", document={"Version": "2012-10-17", "Statement": []}, arn=f"{role_arn()}-limit")
OF_AWS = replace(LIMIT, arn="arn:aws:iam::aws:policy/ReadOnlyAccess")
BOUND, GRANTED = (
    ["list-policy-versions", "delete-policy-version", "get-policy-version", "create-policy-version"],
    ["put-role-policy"],
)
KEY_POLICY = ["get-key-policy", "put-key-policy"]
OTHERS_KEY = replace(key(policy=CLOSED), arn=replace(key().arn, account="444455556666"))


def blocked(check: str, named: Secret, **more: Any) -> Remedy:
    world = World((task_definition(container(named)),), (role(**more),), (named,))
    (finding,) = (each for each in examine(world.facts()).findings if each.check == check)
    return finding.remedy


def reading(named: Secret) -> NamedPolicy:
    """Return a policy that lets a role read the secret, and not decrypt it."""
    return NamedPolicy(name="own", document=policy_document(granted(replace(named, key=None))))


@pytest.mark.parametrize(
    ("check", "own", "more", "operations"),
    [
        ("secret-access-blocked-by-boundary", secret(), {"boundary": LIMIT}, [*BOUND, *GRANTED]),
        ("secret-access-blocked-by-boundary", secret(), {"boundary": LIMIT, "reads": [secret()]}, BOUND),
        (
            "secret-access-blocked-by-boundary",
            secret(key=key(policy=CLOSED)),
            {"boundary": reading(secret()), "inline_policies": (reading(secret()),)},
            [*BOUND, *KEY_POLICY],
        ),
        (
            "decrypt-access-denied",
            secret(key=key(policy=CLOSED)),
            {"inline_policies": (reading(secret()),)},
            KEY_POLICY,
        ),
    ],
    ids=["no policy", "a policy", "a closed key", "a closed key alone"],
)
def test_a_remedy_opens_every_layer_that_shuts(check: str, own: Secret, more: Any, operations: list[str]) -> None:
    if isinstance(more.get("boundary"), NamedPolicy):
        more = {**more, "boundary": replace(more["boundary"], arn=LIMIT.arn)}
    remedy = blocked(check, own, **more)
    assert [each.operation for each in commands_of(remedy)] == operations
    assert ("own policies do not allow it either" in remedy.text) is ("put-role-policy" in operations)


def test_after_a_statement_for_people_the_command_is_in_the_text() -> None:
    remedy = blocked("secret-access-blocked-by-boundary", secret(), boundary=OF_AWS)
    assert json.loads(remedy.commands)
    assert "`aws iam put-role-policy --role-name web-execution" in remedy.text


def test_the_part_for_another_account_is_complete_by_itself() -> None:
    own = secret(key=OTHERS_KEY)
    remedy = blocked("decrypt-access-denied", own, inline_policies=(reading(own),))
    assert [each.operation for each in commands_of(remedy)] == KEY_POLICY
    assert remedy.text.startswith("In account 444455556666, let the role decrypt")
    assert "`aws iam put-role-policy --role-name web-execution" in remedy.text


def test_no_command_grants_beside_a_boundary_what_an_owner_said_no_to() -> None:
    named = secret(tags={"pullguard:roles": "api-*"})
    remedy = blocked("secret-access-blocked-by-boundary", named, boundary=LIMIT)
    assert [each.operation for each in commands_of(remedy)] == BOUND
    assert "own policies do not allow it either, and the tag pullguard:roles" in remedy.text


def test_the_remedy_names_what_it_leaves_out_of_a_key_policy() -> None:
    gone = {"Effect": "Allow", "Principal": {"AWS": "AROAQ3EGSOMEDELETEDID"}, "Action": "kms:*", "Resource": "*"}
    own = secret(key=key(policy={**CLOSED, "Statement": [gone]}))
    remedy = blocked("decrypt-access-denied", own, reads=[own])
    assert "It leaves out AROAQ3EGSOMEDELETEDID" in remedy.text
    (added,) = piped(remedy, {**CLOSED, "Statement": [gone]})["Statement"]
    assert added["Principal"] == {"AWS": str(role_arn())}


def test_a_broad_policy_is_replaced_for_every_key_that_a_version_needs() -> None:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    own = secret(key=key(2), current_keys=(key(1),))
    remedy = blocked("secret-access-too-broad", own, inline_policies=(NamedPolicy(name="all", document=everything),))
    documents = [str(document) for each in commands_of(remedy) for document in each.documents()]
    assert [(str(key(1).arn) in each, str(key(2).arn) in each) for each in documents] == [(False, True), (True, False)]
