"""Questions that were not checked: listed in JSON, one sentence each in text, and never reported as passed."""

import json
import re
from typing import Any

import jsonschema
import pytest

from pullguard.domain.findings import NotChecked
from pullguard_cli.output.unasked import sentences
from tests.schemas import schema_of, undescribed
from tests.unit.cli.conftest import Run, in_account

SCHEMA = schema_of("audit")
ARN = "arn:aws:ecs:us-east-1:123456789012:task-definition"
VALUES = "Does the secret hold a username and a password?"


def question(family: str, *, text: str = VALUES, container: str | None = "app", how_to: str = "--read-values") -> Any:
    return NotChecked(
        check="secret-value-malformed",
        task_definition=f"{ARN}/{family}",
        container=container,
        question=text,
        why="the value was not read",
        how_to=how_to,
    )


SENTENCES = {
    "nothing": ((), ()),
    "one": (
        (question("web:3"),),
        (f"{VALUES} Not checked for web:3 (app), because the value was not read. To check: --read-values.",),
    ),
    "two": ((question("web:3"), question("api:1", container=None)), ("for web:3 (app) and api:1, because",)),
    "500 families": (
        tuple(question(f"f-{n:03}:1") for n in range(500)),
        ("for f-000:1 (app), f-001:1 (app) and 498 ",),
    ),
    "not registered": ((question("web:0"),), ("for web (app), because",)),
    "two ways": ((question("a:1"), question("b:1", how_to="--all")), ("for a:1 (app), ", "for b:1 (app), ")),
    "20 hosts": (
        tuple(question("a:1", text=f"Does host-{n:02} accept it?") for n in range(20)),
        (*(f"Does host-{n:02} accept" for n in range(10)), "10 more questions were not checked; --format json lists"),
    ),
}


@pytest.mark.parametrize(("asked", "said"), SENTENCES.values(), ids=SENTENCES)
def test_a_question_is_one_sentence_however_many_it_is_about(
    asked: tuple[NotChecked, ...], said: tuple[str, ...]
) -> None:
    lines = sentences(asked)
    assert len(lines) == len(said)
    assert all(part in line for part, line in zip(said, lines, strict=True))


def test_the_checks_order_is_that_of_the_sentences() -> None:
    late, early = question("a:1"), question("z:1", text="Is it needed?")
    object.__setattr__(early, "check", "credentials-missing")
    assert sentences((late, early))[0].startswith("Is it needed?")


# --- a family whose image's registry has a secret, and that gives no reference -------------------------------------


@pytest.fixture
def unreferenced(aws: None) -> str:
    """Register a task definition without credentials whose registry has a secret. Return its ARN."""
    in_account("secretsmanager").create_secret(
        Name="registry/hub",
        SecretString='{"username": "u", "password": "p"}',
        Tags=[{"Key": "pullguard:registry", "Value": "docker.io"}],
    )
    made = in_account("ecs").register_task_definition(
        family="web", containerDefinitions=[{"name": "app", "image": "acme/web:1", "memory": 64}]
    )
    return str(made["taskDefinition"]["taskDefinitionArn"])


def test_it_is_listed_for_programs(run: Run, unreferenced: str) -> None:
    ran = run("audit", "--format", "json")
    audit = json.loads(ran.out)
    jsonschema.validate(audit, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert (ran.code, audit["findings"], audit["summary"]["not_checked"]) == (0, [], 1)
    assert audit["not_checked"] == [
        {
            "check": "credentials-missing",
            "task_definition": unreferenced,
            "container": "app",
            "question": "Does the pull need the credentials that are kept for docker.io?",
            "why": "live verification is switched off",
            "how_to": "parameter VerifyCredentials=true in the deployment, or --live-registry in the command line",
        }
    ]


@pytest.mark.parametrize("form", ["table", "html"])
def test_it_is_a_line_for_people_and_nothing_is_called_fine(run: Run, unreferenced: str, form: str) -> None:
    ran = run("audit", "--format", form)
    out = " ".join(re.sub("<[^>]*>", "", ran.out).split())
    assert ran.code == 0
    assert "Does the pull need the credentials that are kept for docker.io? Not checked for web:1 (app), because" in out
    assert "--live-registry" in out
    assert re.search(r"(Nothing is wrong|Nothing wrong was found) in what was checked", out)
    assert "No private registry is in use here" not in out


@pytest.mark.parametrize("command", ["explain", "plan"])
def test_it_is_said_of_the_one_task_definition(run: Run, unreferenced: str, command: str) -> None:
    ran = run(command, "web", "--format", "text")
    assert ran.code == 0
    out = " ".join(ran.out.split())
    question, how_to = "Does the pull need the credentials that are kept for docker.io? Not checked", "--live-registry"
    assert question in out
    assert how_to in out.partition(question)[2]
    assert "none are known to be needed" not in out
    data = json.loads(run(command, "web", "--format", "json").out)
    (asked,) = data["containers"][0]["steps"] if command == "explain" else data["not_checked"]
    assert how_to in asked["how_to"]
    assert command == "plan" or (asked["gate"], asked["verdict"]) == ("credentials", "not checked")


# --- every question, of every command ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "values", "others"),
    [([], 1, 5), (["--no-values"], 6, 6), (["--family", "healthy"], 0, 1), (["--check", "reference-stale"], 0, 0)],
    ids=["default", "no values", "one family", "one check"],
)
def test_every_question_is_listed_and_counted(
    run: Run, broken: Any, options: list[str], values: int, others: int
) -> None:
    audit = json.loads(run("audit", "--format", "json", *options).out)
    asked = [each["question"] for each in audit["not_checked"]]
    assert (asked.count(VALUES), len(asked) - asked.count(VALUES)) == (values, others)
    assert audit["summary"]["not_checked"] == len(asked)
    assert all(each["how_to"] and each["why"] for each in audit["not_checked"])


def test_every_member_that_is_written_is_described(run: Run, broken: Any) -> None:
    audit = json.loads(run("audit", "--format", "json").out)
    assert list(undescribed(audit, SCHEMA)) == []
    assert {(each["account"], each["region"]) for each in audit["findings"]} == {("123456789012", "us-east-1")}


OPEN = {
    "a member of the report": lambda audit: audit.update(added=1),
    "a member of a finding": lambda audit: audit["findings"][0].update(added=1),
    "a member of a question": lambda audit: audit["not_checked"][0].update(added=1),
    "a count": lambda audit: audit["summary"].update(added=1),
    "another action": lambda audit: audit["findings"][0]["remedy"].update(action="revoke", added=1),
    "no account": lambda audit: audit.update(account=None, region=None),
    "what was not reached": lambda audit: audit.update(not_reached=[{"task_definition": ARN}]),
}


@pytest.mark.parametrize("change", OPEN.values(), ids=OPEN)
def test_the_schema_is_open_where_the_contract_is(run: Run, broken: Any, change: Any) -> None:
    audit = json.loads(run("audit", "--format", "json", "--family", "web").out)
    change(audit)
    jsonschema.validate(audit, SCHEMA, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("gone", ["not_checked", "account", "findings"])
def test_the_schema_holds_what_is_promised(run: Run, broken: Any, gone: str) -> None:
    audit = json.loads(run("audit", "--format", "json", "--family", "web").out)
    del audit[gone]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(audit, SCHEMA, cls=jsonschema.Draft202012Validator)
