"""References that AWS does not find: the deployed functions answer as the audit does, and prove it again."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pullguard_cli.connection import connect
from pullguard_cli.run_audit import Auditor
from pullguard_cli.scope import Scope
from tests.functions.stack import REGION, Stack, sqs_event
from tests.functions.world import allow, create_role, create_secret, register, request_body

Start = Callable[..., Callable[[dict[str, Any]], dict[str, Any]]]


class Unwatched:
    """Watches no audit."""

    def found(self, families: int) -> None:
        """Ignore it."""

    def checked(self, family: str) -> None:
        """Ignore it."""


def audited() -> list[dict[str, Any]]:
    done = Auditor(connect(region=REGION), Scope(read_values="opted-in"), Unwatched()).run()
    return [each.to_dict() for each in done.findings]


def validated(stack: Stack, start: Start, task_definition: str) -> list[dict[str, Any]]:
    """Run the validator and return its findings."""
    start("validate_task_definition", Mode="remediate")(sqs_event(request_body(task_definition)))
    opened = [json.loads(each["Body"])["detail"] for each in stack.messages("AlertQueue")]
    return [each["finding"] for each in opened if "finding" in each]


def newest_reference(stack: Stack) -> str:
    (container,) = stack.client("ecs").describe_task_definition(taskDefinition="web")["taskDefinition"][
        "containerDefinitions"
    ]
    return str(container["repositoryCredentials"]["credentialsParameter"])


DRAWN = "q7Rk2Z"
CASES = {
    "the-whole-name": ("app-docker", ("app-docker",), ("reference-not-full-arn", "app-docker")),
    "both": ("app-docker", ("app", "app-docker"), ("reference-not-full-arn", "app-docker")),
    "created-again": (f"app-{DRAWN}", ("app",), ("reference-stale", "app")),
    "only-the-beginning": ("app-docker", ("app",), ("secret-not-found", None)),
    "misspelt": ("app-dokcer", ("app", "app-docker"), ("secret-not-found", None)),
    "misspelt-by-a-digit": ("app-d0cker", ("app", "app-docker"), ("secret-not-found", None)),
    "neither": ("app-docker", (), ("secret-not-found", None)),
}


@pytest.mark.parametrize(("reference", "names", "found_and_meant"), CASES.values(), ids=CASES)
def test_the_functions_find_and_register_what_the_audit_finds(
    stack: Stack, start: Start, reference: str, names: tuple[str, ...], found_and_meant: tuple[str, str | None]
) -> None:
    check, meant = found_and_meant
    secrets = {name: create_secret(stack, name) for name in names}
    role = create_role(stack)
    allow(stack, "*" if meant is None else secrets[meant])
    partial = f"{create_secret(stack, 'x')[: -len('x-AbCdEf')]}{reference}"
    arn = register(stack, partial, role=role)

    found = validated(stack, start, arn)

    assert [each["check"] for each in found] == [check]
    assert [{**each, "remedy": None} for each in found] == [{**each, "remedy": None} for each in audited()]
    assert stack.waiting("ReregisterQueue") == (meant is not None)
    start("reregister_task_definition", Mode="remediate")(sqs_event(request_body(arn), groups=("web",)))
    assert newest_reference(stack) == (secrets[meant] if meant else partial)


def test_the_functions_offer_the_near_name_that_the_audit_offers(stack: Stack, start: Start) -> None:
    near, role = create_secret(stack, "registry/dockerhub-web"), create_role(stack)
    allow(stack, near)
    found = validated(stack, start, register(stack, "registry/dockerhub-wbe", role=role))
    assert [each["check"] for each in found] == ["secret-not-found"]
    assert "Did you mean registry/dockerhub-web?" in found[0]["remedy"]["text"]
    assert near in found[0]["remedy"]["snippet"]
    assert found == audited()
    assert "secretsmanager:ListSecrets" in stack.called["validate_task_definition"]
    assert stack.waiting("ReregisterQueue") == 0


def test_only_the_command_line_names_secrets_that_are_not_opted_in(stack: Stack, start: Start) -> None:
    near, role = create_secret(stack, "registry/dockerhub-web"), create_role(stack)
    stack.client("secretsmanager").untag_resource(SecretId=near, TagKeys=["pullguard:registry"])
    found = validated(stack, start, register(stack, "registry/dockerhub-wbe", role=role))
    assert [each["check"] for each in found] == ["secret-not-found"]
    assert "dockerhub-web" not in str(found)
    assert "pullguard explain" in found[0]["remedy"]["text"]
    (offered,) = audited()
    assert "Did you mean registry/dockerhub-web?" in offered["remedy"]["text"]
    assert "create-secret" not in str(offered)
    assert stack.waiting("ReregisterQueue") == 0


def test_only_the_command_line_lists_roles(stack: Stack, start: Start) -> None:
    create_role(stack)
    gone = "arn:aws:iam::123456789012:role/web-exectuion"
    found = validated(stack, start, register(stack, create_secret(stack), role=gone))
    assert [each["check"] for each in found] == ["execution-role-not-found"]
    assert "pullguard explain" in found[0]["remedy"]["text"]
    assert "iam:GetAccountAuthorizationDetails" not in stack.called["validate_task_definition"]
    (offered,) = audited()
    assert "Did you mean web-execution?" in offered["remedy"]["text"]


def test_the_executor_asks_both_queries_again(stack: Stack, start: Start) -> None:
    """Between the message and the write the secret of the whole name was created: the other one is not registered."""
    other, role = create_secret(stack, "app"), create_role(stack)
    allow(stack, other)
    partial = f"{other[: -len('-AbCdEf')]}-{DRAWN}"
    arn = register(stack, partial, role=role)
    assert [each["check"] for each in validated(stack, start, arn)] == ["reference-stale"]
    meant = create_secret(stack, f"app-{DRAWN}")
    allow(stack, meant)

    start("reregister_task_definition", Mode="remediate")(sqs_event(request_body(arn), groups=("web",)))

    assert newest_reference(stack) == meant
