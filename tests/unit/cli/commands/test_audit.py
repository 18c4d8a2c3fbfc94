import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pullguard.aws.iam import Iam
from pullguard.domain.lookup import Unreadable
from sandbox.world import World
from tests.schemas import schema_of
from tests.unit.cli.conftest import Ran, Run, in_account

SCHEMA = schema_of("audit")
BROKEN = {
    ("web", "secret-access-missing", "error"),
    ("api", "decrypt-access-missing", "error"),
    ("worker", "reference-stale", "error"),
    ("batch", "reference-not-full-arn", "warning"),
    ("cron", "secret-value-empty-field", "error"),
    ("intruder", "secret-access-missing", "error"),
}


def report(ran: Ran) -> dict[str, Any]:
    """Parse the report on standard output and validate it against the schema."""
    parsed: dict[str, Any] = json.loads(ran.out)
    jsonschema.validate(parsed, SCHEMA, cls=jsonschema.Draft202012Validator)
    return parsed


def found(audit: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (each["task_definition"].rpartition("/")[2].partition(":")[0], each["check"], each["severity"])
        for each in audit["findings"]
    }


def fix(run: Run, family: str) -> None:
    """Make the planned calls until the plan is empty."""
    for _ in range(3):
        planned = json.loads(run("plan", family, "--move-services", "--format", "json").out)
        if not planned["calls"]:
            return
        for call in planned["calls"]:
            operation = {
                "PutRolePolicy": "put_role_policy",
                "RegisterTaskDefinition": "register_task_definition",
                "UpdateService": "update_service",
            }[call["operation"]]
            getattr(in_account(call["service"]), operation)(**call["parameters"])
    raise AssertionError(f"{family} needs more and more")


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_broken_account_is_reported(run: Run, broken: World) -> None:
    ran = run("audit", "--format", "json")
    audit = report(ran)
    assert found(audit) == BROKEN
    assert ran.code == 1
    assert audit["summary"] == {
        "task_definitions": 7,
        "references": 7,
        "pass": audit["summary"]["pass"],
        "fail": 6,
        "unknown": 0,
        "not_checked": audit["summary"]["not_checked"],
    }
    assert audit["summary"]["not_checked"] > 0, "the value of a secret that is not opted in"
    assert audit["account"] == "123456789012"


def test_the_planned_calls_fix_it(run: Run, broken: World) -> None:
    for family in ("web", "api", "worker"):
        fix(run, family)
    assert found(report(run("audit", "--format", "json"))) == {
        row for row in BROKEN if row[0] in ("batch", "cron", "intruder")
    }
    (service,) = in_account("ecs").describe_services(cluster="demo", services=["worker"])["services"]
    assert service["taskDefinition"].endswith("worker:2")


def test_task_definitions_in_use_come_first(run: Run, broken: World) -> None:
    audit = report(run("audit", "--format", "json"))
    assert audit["findings"][0]["check"] == "reference-stale"
    assert [each["severity"] for each in audit["findings"]] == ["error"] * 5 + ["warning"]


@pytest.mark.parametrize(
    ("arguments", "code", "checks"),
    [
        (["--fail-on", "never"], 0, 6),
        (["--fail-on", "warning", "--family", "batch"], 1, 1),
        (["--family", "batch"], 0, 1),
        (["--family", "healthy", "--fail-on", "warning"], 0, 0),
        (["--family", "[bc]*"], 1, 2),
        (["--family", "web", "--family", "api"], 1, 2),
        (["--severity", "error"], 1, 5),
        (["--severity", "error", "--family", "batch", "--fail-on", "warning"], 1, 0),
        (["--check", "reference-stale"], 1, 1),
        (["--check", "secret-value-binary", "--fail-on", "warning"], 0, 0),
        (["--cluster", "demo"], 1, 1),
        (["--read-values", "--family", "cron"], 1, 1),
        (["--max-rate", "500", "--family", "healthy"], 0, 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_filters_and_exit_codes(run: Run, broken: World, arguments: list[str], code: int, checks: int) -> None:
    ran = run("audit", *arguments)
    assert (ran.code, len(report(ran)["findings"])) == (code, checks)
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--family", "nobody-*"], 'No family matches "nobody-*" in account 123456789012, us-east-1.'),
        (["-o", "report.csv"], "must be .json, .html or .txt"),
        (["--cluster", "nowhere"], 'There is no cluster "nowhere"'),
        (["--check", "reference-stall"], "Did you mean reference-stale?"),
        (["-o", "/nonexistent/report.json"], "cannot write"),
        (["--region", "eu central"], "is not an AWS Region"),
        (["--profile", "nobody"], "nobody"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_an_audit_that_cannot_run_says_so_in_one_line(run: Run, broken: World, arguments: list[str], line: str) -> None:
    ran = run("audit", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert line in ran.err
    assert ran.err.startswith("pullguard: ")
    assert ran.err.count("\n") == 1


def test_wrong_options_exit_with_2(run: Run) -> None:
    assert run("audit", "--format", "xml").code == 2
    assert run("audit", "--fail-on", "sometimes").code == 2


def test_an_empty_account_is_fine(run: Run, aws: None) -> None:
    ran = run("audit")
    assert ran.code == 0
    assert report(ran)["summary"]["task_definitions"] == 0
    assert "No task definitions in account 123456789012, us-east-1. Check --region" in ran.err
    assert "Nothing is wrong" not in run("audit", "--format", "table").out


def test_the_table_groups_and_has_no_colours_in_a_pipe(run: Run, broken: World) -> None:
    ran = run("audit", "--format", "table")
    assert "\x1b" not in ran.out
    for text in (
        "reference-stale",
        "in use: service worker",
        "5 errors, 1 warning, 0 unknown",
        "pullguard explain worker:1",
    ):
        assert text in ran.out
    lines = [line.strip() for line in ran.out.splitlines()]
    rule = next(place for place, line in enumerate(lines) if line.startswith("──"))
    assert lines[rule - 1].startswith("Severity")
    assert lines[rule + 1].startswith("error")
    assert not any("→" in line and "→ " not in line for line in lines)
    assert (
        run("audit", "--format", "table", "--family", "healthy").out.count("Nothing is wrong in what was checked.") == 1
    )


@pytest.mark.parametrize(
    ("name", "beginning"),
    [("a.json", "{"), ("a.html", "<!doctype html>"), ("a.txt", "\nSeverity"), ("a", "\nSeverity")],
)
def test_a_file_gets_the_form_that_its_name_says(
    run: Run, broken: World, tmp_path: Path, name: str, beginning: str
) -> None:
    ran = run("audit", "-o", str(tmp_path / name))
    assert (ran.code, ran.out) == (1, "")
    assert (tmp_path / name).read_text().lower().startswith(beginning.lower())
    assert f"wrote {tmp_path / name}" in ran.err.replace("\n", "")


def test_a_report_names_its_scope_and_what_it_leaves_out(run: Run, broken: World) -> None:
    options = ("--family", "batch", "--severity", "error", "--check", "reference-not-full-arn")
    reported = report(run("audit", *options, "--format", "json"))
    assert (reported["scope"]["families"], reported["scope"]["checks"], reported["not_listed"]) == (
        ["batch"],
        ["reference-not-full-arn"],
        1,
    )
    for form in ("table", "html"):
        out = " ".join(re.sub("<[^>]*>", "", run("audit", *options, "--format", form).out).split())
        assert "Only family batch; check reference-not-full-arn" in out
        assert "1 warning not listed" in out
        assert "Nothing wrong was found" not in out
        assert "Nothing is wrong" not in out


def refused(monkeypatch: pytest.MonkeyPatch, permission: str) -> None:
    """Make IAM deny every read of a role."""
    unread = Unreadable(permission=permission, resource="arn:aws:iam::1:role/r", reason="denied")
    monkeypatch.setattr(Iam, "role", lambda *_: unread)


@pytest.mark.parametrize(
    ("options", "code"),
    [([], 2), (["--fail-on", "never"], 2), (["--accept-unknown"], 1), (["--accept-unknown", "--family", "web"], 0)],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_audit_that_is_denied_something_has_not_finished(
    run: Run, broken: World, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int
) -> None:
    refused(monkeypatch, "iam:GetRole")
    ran = run("audit", *options, "--format", "json")
    assert ran.code == code
    assert report(ran)["unfinished"]
    assert "pullguard: incomplete: iam:GetRole was denied on arn:aws:iam::1:role/r" in ran.err
    assert "This audit is incomplete" in run("audit", *options, "--format", "html").out
    assert "access denied  iam:GetRole" in run("audit", *options, "--format", "table").out


def test_no_secret_value_is_printed(run: Run, broken: World) -> None:
    for form in ("json", "table", "html"):
        ran = run("audit", "--read-values", "--format", form)
        assert not any(password in ran.out + ran.err for password in broken.passwords())


PASTED = '{"username":"u","password":"Sup3rS3cret"}'


@pytest.mark.parametrize(
    "command",
    [
        *(["audit", "--format", form] for form in ("json", "table", "html")),
        *([name, "pasted", "--format", form] for name in ("explain", "plan") for form in ("text", "json")),
    ],
    ids=" ".join,
)
def test_credentials_pasted_as_a_reference_are_never_printed(run: Run, broken: World, command: list[str]) -> None:
    """Includes a reference that would be corrected, so that the plan registers a revision."""
    web = in_account("ecs").describe_task_definition(taskDefinition="web")["taskDefinition"]
    (container,) = web["containerDefinitions"]
    secret = container["repositoryCredentials"]["credentialsParameter"]
    references = {"app": f"{secret}:username::", "pasted": PASTED, "url": "https://u:Sup3rS3cret@ghcr.io"}
    in_account("ecs").register_task_definition(
        family="pasted",
        executionRoleArn=web["executionRoleArn"],
        containerDefinitions=[
            {**container, "name": name, "repositoryCredentials": {"credentialsParameter": reference}}
            for name, reference in references.items()
        ],
    )
    ran = run(*command)
    assert ran.out
    assert "Sup3rS3cret" not in ran.out + ran.err


def test_untrusted_text_is_escaped(run: Run, aws: None) -> None:
    in_account("ecs").register_task_definition(
        family="odd",
        executionRoleArn="arn:aws:iam::123456789012:role/x",
        containerDefinitions=[
            {
                "name": "[bold red]c[/]",
                "image": "ghcr.io/a/b:1",
                "memory": 64,
                "repositoryCredentials": {"credentialsParameter": "nice\x1b[2Jname\x07"},
            }
        ],
    )
    for command in (["audit", "--format", "table"], ["explain", "odd", "--format", "text"]):
        out = run(*command).out
        assert "\x1b" not in out
        assert "\x07" not in out
        assert "[bold red]c[/]" in out
