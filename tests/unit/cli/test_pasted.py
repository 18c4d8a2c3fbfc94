"""No output of a command repeats a token that was pasted where a name belongs."""

from typing import Any

import pytest

from tests.unit.alerts.test_pasted_credentials import BASE64, PASTED
from tests.unit.cli.conftest import Run, in_account

TOKEN = PASTED["a token"]
TOKENS = {"GitHub": TOKEN, "base64": BASE64.rstrip("=")}
COMMANDS = (
    *(("audit", "--format", form) for form in ("table", "json", "html")),
    *(("plan", "web", "--format", form) for form in ("text", "json")),
    ("explain", "web:1"),
)


def registered(token: str) -> None:
    role = in_account("iam").create_role(
        RoleName="web-execution",
        AssumeRolePolicyDocument="{}",
        Tags=[{"Key": "pullguard:managed", "Value": "true"}],
    )["Role"]["Arn"]
    secret = in_account("secretsmanager").create_secret(
        Name="registry/ghcr", SecretString="{}", Tags=[{"Key": "pullguard:registry", "Value": token}]
    )["ARN"]
    containers: list[dict[str, Any]] = [
        {"name": "reference", "image": "ghcr.io/acme/web:1", "repositoryCredentials": {"credentialsParameter": token}},
        {
            "name": token,
            "image": f"ghcr.io/acme/web:{token}",
            "repositoryCredentials": {"credentialsParameter": secret},
        },
        {"name": "image", "image": token, "repositoryCredentials": {"credentialsParameter": secret[:-7]}},
    ]
    in_account("ecs").register_task_definition(
        family="web",
        executionRoleArn=role,
        containerDefinitions=[{"memory": 128, **each} for each in containers],
        tags=[{"key": "token", "value": token}],
    )


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_no_command_repeats_a_token(run: Run, token: str, command: tuple[str, ...]) -> None:
    registered(token)
    ran = run(*command)
    said = f"{ran.out}{ran.err}"
    assert "registry/ghcr" in said
    assert token not in said
    assert token[4:24] not in said
