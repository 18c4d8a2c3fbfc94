"""Fetch registry credentials exactly as the ECS agent does, and report whether it would have succeeded.

After agent/asm/asm.go and agent/taskresource/asmauth/asmauth.go of https://github.com/aws/amazon-ecs-agent.
"""

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from sandbox.emulator import Credentials, Emulator


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """The result of a fetch; never the value. ``code`` is the AWS error code, or ``value`` for a refused value."""

    ok: bool
    code: str | None = None
    text: str = ""


def assume(aws: Emulator, role_arn: str, session: str = "ecs-agent") -> Credentials:
    """Return temporary credentials of a role (as the account's root; the role's trust has to allow it)."""
    issued = aws.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=session)["Credentials"]
    return Credentials(
        access_key_id=issued["AccessKeyId"],
        secret_access_key=issued["SecretAccessKey"],
        session_token=issued["SessionToken"],
    )


def fetch(aws: Emulator, role_arn: str, reference: str) -> Fetch:
    """Assume the execution role as ECS does, and read what ``credentialsParameter`` names, verbatim, without a version.

    A full ARN is requested in its own Region, anything else in the task's.
    """
    credentials = aws.task_credentials(role_arn)
    if credentials is None:
        text = f"ECS was unable to assume the role '{role_arn}' that was provided for this task."
        return Fetch(ok=False, code="not-assumed", text=text)
    region = reference.split(":")[3] if reference.startswith("arn:") else aws.region
    manager = aws.client("secretsmanager", credentials, region=region)
    try:
        answer = manager.get_secret_value(SecretId=reference)
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        message = error.response["Error"].get("Message", "")
        return Fetch(
            ok=False, code=code, text=f"asm fetching secret from the service for {reference}: {code}: {message}"
        )
    fault = fault_of(answer.get("SecretString"))
    return Fetch(ok=fault is None, code=None if fault is None else "value", text=fault or "")


def fault_of(text: str | None) -> str | None:
    """Return the agent's own complaint about a SecretString, or None if it would use it."""
    if not text:
        return "asm fetching authorization data: empty secrets value"
    try:
        found = _unmarshalled(json.loads(text))
    except ValueError:
        return "asm fetching authorization data: unable to unmarshal secret value, invalid schema"
    for name in ("username", "password"):
        if not found.get(name):
            return f"asm fetching {name}: AuthorizationData is malformed, empty field"
    return None


def _unmarshalled(value: Any) -> dict[str, str | None]:
    """Return username and password as Go's encoding/json fills a struct of strings.

    Key case does not matter, the last of several wins, null leaves a member empty, any other type is an error.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one kind of error for one kind of complaint
    found: dict[str, str | None] = {}
    for key, inner in value.items():
        name = key.lower()
        if name not in {"username", "password"} or inner is None:
            continue
        if not isinstance(inner, str):
            raise ValueError("not a string")  # noqa: TRY004
        found[name] = inner
    return found
