"""ECS's step before a task starts: assume the execution role, as its trust policy allows the service.

The embedded AWS supports AssumeRole by an account's own principals only. Runs in its interpreter, like the relay.
"""

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

SERVICE = "ecs-tasks.amazonaws.com"
_LASTS_S = 3600


class NotTrusted(Exception):
    """The role does not exist, or its trust policy does not let ECS assume it."""


def assume(role_arn: str, region: str) -> dict[str, str]:
    """Return credentials of a role for one task of its own account in ``region``.

    Raises NotTrusted. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    """
    from ministack.services import iam, sts  # noqa: PLC0415

    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    role = iam._roles.get_scoped(account, None, name)  # noqa: SLF001
    if role is None or role["Arn"] != role_arn or not _trusts(role["AssumeRolePolicyDocument"], account, region):
        raise NotTrusted(f"ECS was unable to assume the role '{role_arn}' that was provided for this task")
    task = uuid.uuid4().hex
    credentials = {
        "access_key_id": sts._gen_session_access_key(),  # noqa: SLF001
        "secret_access_key": sts._gen_secret(),  # noqa: SLF001
        "session_token": sts._gen_session_token(),  # noqa: SLF001
    }
    session = {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{task}",
        "UserId": f"{role['RoleId']}:{task}",
        "SecretAccessKey": credentials["secret_access_key"],
        "SessionToken": credentials["session_token"],
        "Expiration": time.time() + _LASTS_S,
        "AccountId": account,
        "PrincipalType": "AssumedRole",
        "SourceAccessKeyId": "",
        "SourcePrincipalArn": SERVICE,
        "SessionTags": [],
        "SessionPolicies": None,
    }
    sts.register_session(credentials["access_key_id"], session)
    return credentials


def _trusts(trust: str, account: str, region: str) -> bool:
    """Whether a trust policy admits ECS for a task of ``account``, with the keys that ECS sends."""
    from ministack.core import iam_evaluator  # noqa: PLC0415

    context = iam_evaluator.EvalContext(
        principal_arn=SERVICE,
        principal_type="Service",
        principal_account="",
        action="sts:AssumeRole",
        resource_arn="*",
        region=region,
        service_context={"aws:sourceaccount": account, "aws:sourcearn": f"arn:aws:ecs:{region}:{account}:*"},
    )
    statements = json.loads(trust).get("Statement", [])
    effects = {
        each.get("Effect")
        for each in (statements if isinstance(statements, list) else [statements])
        if iam_evaluator._action_matches("sts:AssumeRole", _listed(each, "Action"), _listed(each, "NotAction"))  # noqa: SLF001
        and iam_evaluator._service_principal_matches(each.get("Principal"), SERVICE)  # noqa: SLF001
        and iam_evaluator._conditions_met(each.get("Condition", {}), context)  # noqa: SLF001
    }
    return "Allow" in effects and "Deny" not in effects


def _listed(statement: Mapping[str, Any], member: str) -> list[str]:
    value = statement.get(member, [])
    return list(value) if isinstance(value, list) else [str(value)]
