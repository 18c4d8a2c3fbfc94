"""AWS IAM: everything that decides what an execution role may do, and the only policy that Pullguard writes."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botocore.handlers import json_decode_policies

from pullguard.access.cross_check import Question
from pullguard.aws.answers import asks, looked_up, writing
from pullguard.aws.once import Once
from pullguard.domain.arn import Arn
from pullguard.domain.documents import object_of
from pullguard.domain.errors import Malformed
from pullguard.domain.lookup import Document, Lookup, Missing
from pullguard.domain.role import NamedPolicy, Role, Simulated

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

_NO_SUCH = frozenset({"NoSuchEntity"})
# IAM refuses these for good. NoSuchEntity is not one of them: a role that is new may not be known everywhere yet.
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
# https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
_NOT_TAKEN = frozenset(
    {"LimitExceeded", "MalformedPolicyDocument", "UnmodifiableEntity", "InvalidInput", "ValidationError"}
)


class Iam:
    """Reads in one account, and writes of one inline policy. Each managed policy is read once."""

    def __init__(self, client: "IAMClient") -> None:
        self._client = client
        # botocore's decoding keeps only the last of two members of the same name, and so hides the duplicate.
        client.meta.events.unregister("after-call.iam", json_decode_policies)
        self._once = Once()

    @asks(
        "iam:GetRole",
        "iam:ListRolePolicies",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
    )
    def role(self, arn: Arn) -> Lookup[Role]:
        """Read a role of this account by its ARN, including the path: a role with another path is another role."""
        name = arn.resource_name.rsplit("/", 1)[-1]
        found = looked_up(
            "iam:GetRole", str(arn), lambda: self._client.get_role(RoleName=name)["Role"], missing=_NO_SUCH
        )
        if not isinstance(found, dict):
            return found
        if found["Arn"] != str(arn):  # IAM looks roles up without their path, ECS assumes them by full ARN
            return Missing(resource=str(arn), instead=found["Arn"])
        return self._role(found, self._inline(name), self._attached(name))

    @asks("iam:GetAccountAuthorizationDetails", "iam:GetPolicy", "iam:GetPolicyVersion")
    def every_role(self) -> Lookup[dict[Arn, Role]]:
        """Read all roles of the account in pages; for many roles this takes fewer than four calls per role.

        A role that cannot be parsed is omitted; a caller that needs it reads it individually.
        Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
        """

        def call() -> list[Any]:
            paginator = self._client.get_paginator("get_account_authorization_details")
            pages = list(paginator.paginate(Filter=["Role", "LocalManagedPolicy"]))
            for policy in (policy for page in pages for policy in page["Policies"]):
                self._remember(policy)
            return [role for page in pages for role in page["RoleDetailList"]]

        found = looked_up("iam:GetAccountAuthorizationDetails", "*", call)
        if not isinstance(found, list):
            return found
        roles = (self._detailed(each) for each in found if _is_understood(each))
        return {role.arn: role for role in roles}

    def _remember(self, policy: Mapping[str, Any]) -> None:
        """Cache a managed policy's default version if the response is complete."""
        versions = policy.get("PolicyVersionList", ())
        document = next((each.get("Document") for each in versions if each.get("IsDefaultVersion")), None)
        if document is not None and "Arn" in policy and "PolicyName" in policy:
            known = NamedPolicy(name=policy["PolicyName"], document=_document(document), arn=policy["Arn"])
            self._once(policy["Arn"], lambda: known)

    def _detailed(self, found: Mapping[str, Any]) -> Role:
        inline = (
            NamedPolicy(name=each["PolicyName"], document=_document(each["PolicyDocument"]))
            for each in found.get("RolePolicyList", ())
        )
        attached = [each["PolicyArn"] for each in found.get("AttachedManagedPolicies", ())]
        return self._role(found, tuple(inline), self._policies(attached))

    def _role(
        self,
        found: Mapping[str, Any],
        inline: Lookup[tuple[NamedPolicy, ...]],
        attached: Lookup[tuple[NamedPolicy, ...]],
    ) -> Role:
        boundary = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        return Role(
            arn=Arn.parse(found["Arn"], service="iam", resource_type="role"),
            name=found["RoleName"],
            role_id=found.get("RoleId", ""),
            created_at=found.get("CreateDate"),
            tags={tag["Key"]: tag["Value"] for tag in found.get("Tags", ())},
            trust_policy=_document(found.get("AssumeRolePolicyDocument", {})),
            inline_policies=inline,
            attached_policies=attached,
            boundary=None if boundary is None else self._policy(boundary),
        )

    def _inline(self, role_name: str) -> Lookup[tuple[NamedPolicy, ...]]:
        def call() -> tuple[NamedPolicy, ...]:
            pages = self._client.get_paginator("list_role_policies").paginate(RoleName=role_name)
            names = [name for page in pages for name in page["PolicyNames"]]
            return tuple(
                NamedPolicy(
                    name=name,
                    document=_document(
                        self._client.get_role_policy(RoleName=role_name, PolicyName=name)["PolicyDocument"]
                    ),
                )
                for name in names
            )

        return looked_up("iam:GetRolePolicy", role_name, call, missing=_NO_SUCH)

    def _attached(self, role_name: str) -> Lookup[tuple[NamedPolicy, ...]]:
        def call() -> list[str]:
            pages = self._client.get_paginator("list_attached_role_policies").paginate(RoleName=role_name)
            return [policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]]

        arns = looked_up("iam:ListAttachedRolePolicies", role_name, call, missing=_NO_SUCH)
        if not isinstance(arns, list):
            return arns
        return self._policies(arns)

    def _policies(self, arns: list[str]) -> Lookup[tuple[NamedPolicy, ...]]:
        policies = [self._policy(arn) for arn in arns]
        unreadable = next((policy for policy in policies if not isinstance(policy, NamedPolicy)), None)
        return unreadable or tuple(policy for policy in policies if isinstance(policy, NamedPolicy))

    def _policy(self, arn: str) -> Lookup[NamedPolicy]:
        def call() -> NamedPolicy:
            policy = self._client.get_policy(PolicyArn=arn)["Policy"]
            version = self._client.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])
            return NamedPolicy(
                name=policy["PolicyName"], document=_document(version["PolicyVersion"]["Document"]), arn=arn
            )

        return self._once(arn, lambda: looked_up("iam:GetPolicyVersion", arn, call, missing=_NO_SUCH))

    @asks("iam:SimulatePrincipalPolicy")
    def simulate(self, role: Arn, questions: tuple[Question, ...]) -> Lookup[tuple[Simulated, ...]]:
        """Ask AWS's policy simulator what ``role`` may do."""
        return looked_up(
            "iam:SimulatePrincipalPolicy",
            str(role),
            lambda: tuple(self._simulate(role, question) for question in questions),
            missing=_NO_SUCH,
            refused=frozenset({"InvalidInput", "PolicyEvaluation"}),
        )

    def _simulate(self, role: Arn, question: Question) -> Simulated:
        answer = self._client.simulate_principal_policy(
            PolicySourceArn=str(role),
            ActionNames=[question.action],
            ResourceArns=[question.resource],
            ContextEntries=[
                {
                    "ContextKeyName": name,
                    "ContextKeyValues": list(values),
                    "ContextKeyType": "string" if len(values) == 1 else "stringList",
                }
                for name, values in question.context
            ],
        )
        result = answer["EvaluationResults"][0]
        organization = result.get("OrganizationsDecisionDetail")
        return Simulated(
            action=question.action,
            resource=question.resource,
            decision=result["EvalDecision"],
            organization_allows=None if organization is None else organization.get("AllowedByOrganizations"),
        )

    @asks("iam:PutRolePolicy")
    def put_role_policy(self, role_name: str, policy_name: str, document: str) -> None:
        """Write one inline policy; raises ``Denied`` if AWS refuses the call or its content, other errors propagate."""
        with writing("iam", f"the role {role_name}", refused=_NOT_TAKEN):
            self._client.put_role_policy(RoleName=role_name, PolicyName=policy_name, PolicyDocument=document)

    @asks("iam:DeleteRolePolicy")
    def delete_role_policy(self, role_name: str, policy_name: str) -> None:
        """Delete one inline policy if it exists; raises ``Denied`` if AWS refuses."""
        with (
            writing("iam", f"the role {role_name}", refused=_NOT_TAKEN),
            suppress(self._client.exceptions.NoSuchEntityException),
        ):
            self._client.delete_role_policy(RoleName=role_name, PolicyName=policy_name)


def _is_understood(found: Mapping[str, Any]) -> bool:
    try:
        Arn.parse(found.get("Arn", ""), service="iam", resource_type="role")
    except Malformed:
        return False
    return "RoleName" in found


def _document(value: Any) -> Document:
    """Return a policy document as an object; as text if it is not a JSON object or has duplicate members."""
    if not isinstance(value, str):
        return value if isinstance(value, dict) else json.dumps(value)
    text = unquote(value) if value.startswith("%") else value
    return object_of(text) or text
