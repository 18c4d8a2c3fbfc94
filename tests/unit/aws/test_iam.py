"""A role with its policies as IAM answers, the policy simulator, and the exact writes of our one policy."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pullguard.access.cross_check import Question
from pullguard.aws.iam import Iam
from pullguard.domain.errors import Denied
from pullguard.domain.lookup import Missing, Unreadable
from pullguard.domain.role import NamedPolicy, Role, Simulated
from tests.fakes import NOW, REGION, TRUST, role_arn
from tests.unit.aws.asking import ask, check_errors

NAME, POLICY = "web-execution", "pullguard-registry-access"
DOCUMENT = '{"Version":"2012-10-17","Statement":[]}'
MANAGED = "arn:aws:iam::111122223333:policy/managed"


def detail(**members: Any) -> Any:
    return {
        "Path": "/",
        "RoleName": NAME,
        "RoleId": "AROAEXAMPLEEXAMPLE",
        "Arn": str(role_arn()),
        "CreateDate": NOW,
        "AssumeRolePolicyDocument": json.dumps(TRUST),
        **members,
    }


def test_missing_denied_and_broken_differ() -> None:
    check_errors("iam", "get_role", lambda c: Iam(c).role(role_arn()), missing="NoSuchEntity")


def test_a_role_is_read_with_all_its_policies() -> None:
    client = boto3.client("iam", region_name=REGION)
    tags = [{"Key": "pullguard:managed", "Value": "true"}]
    policy: Any = {"Policy": {"PolicyName": "managed", "Arn": MANAGED, "DefaultVersionId": "v3"}}
    with Stubber(client) as stubber:
        stubber.add_response("get_role", {"Role": detail(Tags=tags)}, {"RoleName": NAME})
        stubber.add_response("list_role_policies", {"PolicyNames": ["own"]}, {"RoleName": NAME})
        own = {"RoleName": NAME, "PolicyName": "own"}
        stubber.add_response("get_role_policy", {**own, "PolicyDocument": DOCUMENT}, own)
        attached: Any = {"AttachedPolicies": [{"PolicyName": "managed", "PolicyArn": MANAGED}]}
        stubber.add_response("list_attached_role_policies", attached, {"RoleName": NAME})
        stubber.add_response("get_policy", policy, {"PolicyArn": MANAGED})
        version = {"PolicyVersion": {"Document": DOCUMENT}}
        stubber.add_response("get_policy_version", version, {"PolicyArn": MANAGED, "VersionId": "v3"})
        found = Iam(client).role(role_arn())
        stubber.assert_no_pending_responses()
    document = json.loads(DOCUMENT)
    assert isinstance(found, Role)
    assert (found.arn, found.name, found.role_id) == (role_arn(), NAME, "AROAEXAMPLEEXAMPLE")
    assert found.created_at == NOW
    assert (found.tags, found.trust_policy, found.boundary) == ({"pullguard:managed": "true"}, TRUST, None)
    assert found.inline_policies == (NamedPolicy(name="own", document=document),)
    assert found.attached_policies == (NamedPolicy(name="managed", document=document, arn=MANAGED),)


def test_a_role_of_another_path_is_missing_and_named() -> None:
    client = boto3.client("iam", region_name=REGION)
    elsewhere = str(role_arn()).replace("role/", "role/team/")
    with Stubber(client) as stubber:
        stubber.add_response("get_role", {"Role": detail(Arn=elsewhere)}, {"RoleName": NAME})
        found = Iam(client).role(role_arn())
    assert found == Missing(resource=str(role_arn()), instead=elsewhere)


QUESTION = Question(
    action="kms:Decrypt", resource="key", context=(("kms:ViaService", ("sm",)), ("aws:TagKeys", ("a", "b")))
)
SIMULATIONS: dict[str, tuple[dict[str, Any], bool | None]] = {
    "nothing-of-the-organization": ({}, None),
    "allowed-by-it": ({"OrganizationsDecisionDetail": {"AllowedByOrganizations": True}}, True),
    "denied-by-it": ({"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}, False),
}


@pytest.mark.parametrize(("more", "allows"), SIMULATIONS.values(), ids=SIMULATIONS)
def test_the_simulator_is_asked_by_the_exact_request(more: dict[str, Any], allows: bool | None) -> None:
    client = boto3.client("iam", region_name=REGION)
    request = {
        "PolicySourceArn": str(role_arn()),
        "ActionNames": ["kms:Decrypt"],
        "ResourceArns": ["key"],
        "ContextEntries": [
            {"ContextKeyName": "kms:ViaService", "ContextKeyValues": ["sm"], "ContextKeyType": "string"},
            {"ContextKeyName": "aws:TagKeys", "ContextKeyValues": ["a", "b"], "ContextKeyType": "stringList"},
        ],
    }
    result: Any = {"EvalActionName": "kms:Decrypt", "EvalDecision": "allowed", **more}
    with Stubber(client) as stubber:
        stubber.add_response("simulate_principal_policy", {"EvaluationResults": [result]}, request)
        found = Iam(client).simulate(role_arn(), (QUESTION,))
    expected = Simulated(action="kms:Decrypt", resource="key", decision="allowed", organization_allows=allows)
    assert found == (expected,)


@pytest.mark.parametrize(
    ("code", "reason"), [("InvalidInput", "refused"), ("PolicyEvaluation", "refused"), ("AccessDenied", "denied")]
)
def test_a_simulation_that_iam_refuses_is_unreadable(code: str, reason: Any) -> None:
    found = ask("iam", "simulate_principal_policy", lambda c: Iam(c).simulate(role_arn(), (QUESTION,)), code)
    assert found == Unreadable(
        permission="iam:SimulatePrincipalPolicy", resource=str(role_arn()), reason=reason, detail=code
    )


def test_the_policy_is_written_and_deleted_by_the_exact_requests() -> None:
    client = boto3.client("iam", region_name=REGION)
    ours = {"RoleName": NAME, "PolicyName": POLICY}
    with Stubber(client) as stubber:
        stubber.add_response("put_role_policy", {}, {**ours, "PolicyDocument": DOCUMENT})
        stubber.add_response("delete_role_policy", {}, ours)
        Iam(client).put_role_policy(NAME, POLICY, DOCUMENT)
        Iam(client).delete_role_policy(NAME, POLICY)
        stubber.assert_no_pending_responses()


def test_deleting_a_policy_that_is_gone_is_no_error() -> None:
    deleted = ask("iam", "delete_role_policy", lambda c: Iam(c).delete_role_policy(NAME, POLICY), "NoSuchEntity")
    assert deleted is None


WRITES: dict[str, Any] = {
    "put_role_policy": lambda c: Iam(c).put_role_policy(NAME, POLICY, DOCUMENT),
    "delete_role_policy": lambda c: Iam(c).delete_role_policy(NAME, POLICY),
}


@pytest.mark.parametrize("operation", WRITES)
def test_a_refused_write_names_the_permission_and_any_other_error_propagates(operation: str) -> None:
    action = "".join(word.title() for word in operation.split("_"))
    with pytest.raises(Denied, match=rf"AWS refused iam:{action} on the role {NAME} \(AccessDenied\)"):
        ask("iam", operation, WRITES[operation], "AccessDenied")
    with pytest.raises(Denied, match="LimitExceeded"):
        ask("iam", operation, WRITES[operation], "LimitExceeded")
    with pytest.raises(ClientError, match="ServiceFailure"):
        ask("iam", operation, WRITES[operation], "ServiceFailure")
