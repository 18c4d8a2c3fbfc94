"""Authorization checks that AWS makes before a call and the embedded AWS does not, made by its own policy evaluator.

- KMS: Secrets Manager returns a value under a customer managed key only if the caller may Decrypt with it: key policy,
  identity policies, grants and key state, with the context keys that Secrets Manager sends.
- ``iam:PassRole`` for the roles in a task definition, and ``ecs:TagResource`` for tags that it is registered with.
- EventBridge's rules, for the one action on them that a function uses.
- ECS's own resources: a policy on ``task-definition/web:*`` or ``service/CLUSTER/*`` is understood, and
  ``DescribeTaskDefinition`` is not limited to a resource, because AWS does not support resources there.
  https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html

Runs in the embedded AWS's interpreter, within a request: account, Region and caller are its context variables.
"""

import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from sandbox.version_keys import DEFAULT_KEY, keys_of

Answer: TypeAlias = tuple[int, dict[str, str], Any]
Handler: TypeAlias = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Answer]]
Question: TypeAlias = tuple[str, str, Mapping[str, Any]]
"""An action, the resource and the context keys."""

log = logging.getLogger("sandbox.authorization")


def install() -> None:
    """Install the checks in front of the embedded AWS's own handlers."""
    from ministack import app  # noqa: PLC0415
    from ministack.core import iam_actions  # noqa: PLC0415

    resource_of, context_of = iam_actions.extract_resource_arn, iam_actions.request_tag_context
    action_of = iam_actions.extract_iam_action

    def extract_iam_action(*request: Any) -> Any:
        action = action_of(*request)
        return ONE_PERMISSION.get(action, action)

    def extract_resource_arn(service: str, *request: Any) -> Any:
        if service == "ecs":
            _method, _path, headers, body, _query, region, account = request
            return ecs_resource(_action(headers), _loaded(body), region, account)
        if service == "events":
            _method, _path, headers, body, _query, region, account = request
            if _action(headers) == "ListTargetsByRule":
                return f"arn:aws:events:{region}:{account}:rule/{_loaded(body).get('Rule')}"
        return resource_of(service, *request)

    def request_tag_context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = context_of(service, action, body, params)
        request = _loaded(body) if service == "ecs" else {}
        if cluster := request.get("cluster"):
            context["ecs:cluster"] = _cluster_arn(str(cluster))
        if removed := request.get("tagKeys"):  # ECS's member names begin with small letters
            context["aws:TagKeys"] = list(removed)
        return context

    iam_actions.extract_iam_action = extract_iam_action
    iam_actions.extract_resource_arn = extract_resource_arn
    iam_actions.request_tag_context = request_tag_context
    app.SERVICE_HANDLERS["ecs"] = _registering(app.SERVICE_HANDLERS["ecs"])
    app.SERVICE_HANDLERS["secretsmanager"] = _decrypting(app.SERVICE_HANDLERS["secretsmanager"])


ONE_PERMISSION = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
}
"""Calls on several resources at once that AWS authorizes by the permission for one.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
"""

_IN_CLUSTER = {
    "CreateService": ("service", "serviceName"),
    "UpdateService": ("service", "service"),
    "DeleteService": ("service", "service"),
    "DescribeServices": ("service", "services"),
    "DescribeTasks": ("task", "tasks"),
    "DescribeContainerInstances": ("container-instance", "containerInstances"),
}
"""For an action on resources in a cluster: the resource type, and the request's member that names it."""


def ecs_resource(action: str, request: Mapping[str, Any], region: str, account: str) -> str:
    """Return the ARN that IAM compares with a policy's Resource for an ECS call, ``*`` if the action supports none.

    If a call names several resources, the first one counts.
    """
    prefix = f"arn:aws:ecs:{region}:{account}"
    if action == "RegisterTaskDefinition":
        return f"{prefix}:task-definition/{request.get('family')}:*"
    if action in {"TagResource", "UntagResource", "ListTagsForResource"}:
        return str(request.get("resourceArn") or "*")
    cluster = str(request.get("cluster") or "default").rpartition("/")[2]
    if action == "ListContainerInstances":
        return f"{prefix}:cluster/{cluster}"
    if action not in _IN_CLUSTER:
        return "*"
    kind, member = _IN_CLUSTER[action]
    named = request.get(member)
    name = str((named[0] if isinstance(named, list) else named) if named else "*")
    return name if name.startswith("arn:") else f"{prefix}:{kind}/{cluster}/{name}"


def registration_questions(request: Mapping[str, Any], region: str, account: str) -> list[Question]:
    """Return the additional permissions that RegisterTaskDefinition requires."""
    roles = [request.get("executionRoleArn"), request.get("taskRoleArn")]
    passed = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    questions: list[Question] = [("iam:PassRole", str(role), passed) for role in roles if role]
    if request.get("tags"):
        resource = ecs_resource("RegisterTaskDefinition", request, region, account)
        questions.append(("ecs:TagResource", resource, {"ecs:CreateAction": "RegisterTaskDefinition"}))
    return questions


def _registering(handler: Handler) -> Handler:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Answer:
        if _action(headers) == "RegisterTaskDefinition":
            for action, resource, context in registration_questions(_loaded(body), *_scope()):
                if (denied := _enforced(headers, action, resource, context)) is not None:
                    return _refusal("ecs", action, resource, denied, headers)
        return await handler(method, path, headers, body, query)

    return handle


def _decrypting(handler: Handler) -> Handler:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Answer:
        answer = await handler(method, path, headers, body, query)
        if _action(headers) == "GetSecretValue" and answer[0] == 200 and not _may_use_key(headers, _loaded(answer[2])):  # noqa: PLR2004
            error = {"__type": "AccessDeniedException", "message": "Access to KMS is not allowed"}
            return 400, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(error).encode()
        return answer

    return handle


# --- KMS -----------------------------------------------------------------------------------------------------------


def _may_use_key(headers: dict[str, str], answered: Mapping[str, Any]) -> bool:
    """Whether the caller may decrypt the returned version, with any of its keys.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    """
    from ministack.core.responses import request_scope  # noqa: PLC0415
    from ministack.services import kms, secretsmanager  # noqa: PLC0415

    region, account = _scope()
    owner = str(answered["ARN"]).split(":")[4]
    with request_scope(owner, region):
        _, secret = secretsmanager._resolve(answered["ARN"])  # noqa: SLF001
        named = keys_of(secret, answered["VersionId"]) if secret else []
        found = [kms._resolve_key(each) for each in named if each != DEFAULT_KEY]  # noqa: SLF001
        grants = list(kms._grants.values())  # noqa: SLF001
    if not secret or (DEFAULT_KEY in named and owner == account):  # AWS's own key works at home only
        return True
    encryption = {"SecretARN": answered["ARN"], "SecretVersionId": answered["VersionId"]}
    return any(_may_decrypt(headers, key, grants, encryption) for key in found if key and key["KeyState"] == "Enabled")


def _may_decrypt(
    headers: dict[str, str], key: Mapping[str, Any], grants: list[dict[str, Any]], encryption: Mapping[str, str]
) -> bool:
    from ministack.core.iam_evaluator import EvalResult  # noqa: PLC0415

    region, account = _scope()
    context = {f"kms:EncryptionContext:{name}": value for name, value in encryption.items()} | {
        "kms:ViaService": f"secretsmanager.{region}.amazonaws.com",
        "kms:CallerAccount": account,
    }
    denied = _enforced(headers, "kms:Decrypt", key["Arn"], context)
    if denied is None:
        return True
    is_explicit = isinstance(denied, EvalResult) and denied.decision == "Deny"
    of_key = [grant for grant in grants if grant["KeyId"] == key["Arn"]]
    return not is_explicit and granted(of_key, getattr(denied, "principal_arn", ""), encryption)


def granted(grants: list[dict[str, Any]], principal: str, encryption: Mapping[str, str]) -> bool:
    """Whether one of a key's grants lets a caller decrypt under an encryption context.

    A grant to a role also applies to its sessions.
    https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
    """
    account, _, session = principal.partition(":assumed-role/")
    role = f"{account.replace(':sts:', ':iam:')}:role/{session.partition('/')[0]}"

    def fits(grant: dict[str, Any]) -> bool:
        constraints = grant.get("Constraints") or {}
        equals = constraints.get("EncryptionContextEquals")
        subset = constraints.get("EncryptionContextSubset") or {}
        return (
            "Decrypt" in grant["Operations"]
            and grant["GranteePrincipal"] in {principal, role}
            and (equals is None or equals == encryption)
            and subset.items() <= encryption.items()
        )

    return any(fits(grant) for grant in grants)


# --- The embedded AWS's own parts ----------------------------------------------------------------------------------


def _enforced(headers: dict[str, str], action: str, resource: str, context: Mapping[str, Any]) -> Any:
    """Return None if the caller may, or the evaluator's refusal."""
    from ministack.core.iam_evaluator import enforce  # noqa: PLC0415
    from ministack.core.router import extract_access_key_id  # noqa: PLC0415

    service = action.partition(":")[0]
    region, _ = _scope()
    refusal = enforce(
        extract_access_key_id(headers), action, service, region, resource_arn=resource, service_context=dict(context)
    )
    if refusal is not None:
        log.info("refused: %s on %s", action, resource)
    return refusal


def _refusal(service: str, action: str, resource: str, denied: Any, headers: dict[str, str]) -> Answer:
    from ministack.core.iam_actions import access_denied_response  # noqa: PLC0415

    principal = getattr(denied, "principal_arn", "")
    answer: Answer = access_denied_response(
        service, action, principal, str(uuid.uuid4()), headers=headers, resource_arn=resource
    )
    return answer


def _scope() -> tuple[str, str]:
    from ministack.core.responses import get_account_id, get_region  # noqa: PLC0415

    return str(get_region()), str(get_account_id())


def _cluster_arn(cluster: str) -> str:
    region, account = _scope()
    return cluster if cluster.startswith("arn:") else f"arn:aws:ecs:{region}:{account}:cluster/{cluster}"


def _action(headers: Mapping[str, str]) -> str:
    return headers.get("x-amz-target", "").rpartition(".")[2]


def _loaded(body: Any) -> dict[str, Any]:
    try:
        loaded = json.loads(body or b"{}")
    except (TypeError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}
