"""Text, JSON, SARIF, annotations and exit codes of ``pullguard check``; names in files never become commands."""

import json
from typing import Any

import jsonschema
import pytest

from pullguard.domain.findings import Finding
from pullguard.domain.records import from_record
from tests.unit.alerts.test_pasted_credentials import BASE64, PASTED
from tests.unit.cli.commands.check.conftest import Check, container, definition
from tests.unit.cli.placed import SARIF

# Required members and allowed values of SARIF 2.1.0, for all objects that are written.


# --- SARIF ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("files", [{}, {"a.json": "{"}], ids=["good", "bad"])
def test_sarif_of_the_command(check: Check, files: dict[str, Any]) -> None:
    made = definition(container("registry"), executionRoleArn=None)
    log = check("--format", "sarif", files={"deploy/a b.json": made, **files}).data
    jsonschema.validate(log, SARIF)
    run = log["runs"][0]
    assert [result["ruleId"] for result in run["results"]] == ["execution-role-missing", "reference-not-full-arn"]
    assert [result["level"] for result in run["results"]] == ["error", "warning"]
    place = run["results"][1]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "deploy/a%20b.json"}, "region": {"startLine": 9}}
    assert run["invocations"][0]["executionSuccessful"] is not bool(files)
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


# --- Annotations ---------------------------------------------------------------------------------------------------


def test_annotations_are_beside_the_text_in_github_actions(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"a.json": definition(container("registry"))}
    assert "::warning" not in check(files=files).out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    ran = check(files=files)
    assert "\n::warning file=a.json,line=9,title=pullguard%3A reference-not-full-arn::" in ran.out
    assert "a.json:9: warning reference-not-full-arn" in ran.out
    assert json.loads(check("--format", "json", files=files).out)
    assert check("--format", "github", files=files).out.count("\n") == 1


# --- Text, JSON, exit codes ----------------------------------------------------------------------------------------


def test_text(check: Check) -> None:
    ran = check(files={"deploy/a.json": definition(container("registry"), executionRoleArn=None)})
    assert "deploy/a.json:1: error execution-role-missing\n" in ran.out
    assert "deploy/a.json:9: warning reference-not-full-arn\n" in ran.out
    assert ran.out.endswith(
        "1 task definition, 1 reference: 1 error, 1 warning, 2 not checked (--live asks AWS), 1 passed\n"
    )
    assert "\x1b" not in ran.out


def test_text_of_a_file_with_nothing_wrong(check: Check) -> None:
    ran = check(files={"a.json": definition()})
    assert ran.out == "1 task definition, 1 reference: no findings, 3 not checked (--live asks AWS)\n"


def test_json_is_the_contract_and_names_the_places(check: Check) -> None:
    ran = check("--format", "json", files={"a.json": definition(container("registry"))})
    assert list(ran.data) == [
        "schema_version", "account", "region", "findings", "summary", "not_checked", "locations",
        "unfinished",
    ]  # fmt: skip
    (finding,) = ran.data["findings"]
    assert ran.data["locations"] == [{"finding": finding["id"], "file": "a.json", "line": 9}]
    assert finding["task_definition"] == "web", "nothing names the Region, so there is no ARN"
    place = {"account": finding.pop("account"), "region": finding.pop("region")}
    assert from_record(Finding, finding).to_dict() == finding
    assert place == {"account": "123456789012", "region": None}, "nothing names the Region"


@pytest.mark.parametrize(
    ("files", "options", "account", "region"),
    [
        ({"a.json": {"executionRoleArn": None}}, [], None, None),
        ({"a.json": {"executionRoleArn": None}}, ["--region", "eu-west-1"], None, "eu-west-1"),
        ({"a.json": {}}, [], "123456789012", None),
        ({"a.json": {}, "b.json": {"executionRoleArn": "arn:aws:iam::999999999999:role/r"}}, [], None, None),
        ({"a.json": {"executionRoleArn": "arn:aws-cn:iam::123456789012:role/r"}}, [], "123456789012", None),
    ],
    ids=["none", "given", "role ARN", "several", "role ARN of another partition"],
)
def test_account_and_region_are_null_where_nothing_names_them(
    check: Check, files: dict[str, Any], options: list[str], account: str | None, region: str | None
) -> None:
    made = {name: definition(container("registry"), **members) for name, members in files.items()}
    data = check("--format", "json", *options, files=made).data
    assert (data["account"], data["region"]) == (account, region)
    assert {each["region"] for each in data["findings"]} == {region}
    accounts = {each["account"] for each in data["findings"]}
    assert accounts == ({account} if len(files) == 1 else {"123456789012", "999999999999"})


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_credentials_pasted_as_a_reference_are_never_printed(check: Check, form: str) -> None:
    pasted = json.dumps({"username": "u", "password": "Sup3rS3cret"})
    content = definition(container(pasted), container("https://u:Sup3rS3cret@ghcr.io", name="url"))
    for options in ([], ["--region", "eu-west-1"]):
        ran = check("--format", form, *options, files={"a.json": content, "b.json": definition(container([pasted]))})
        assert "reference-malformed" in ran.out
        assert "Sup3rS3cret" not in ran.out + ran.err


def test_an_unregistered_definition_has_no_revision_in_words(check: Check) -> None:
    ran = check(files={"a.json": definition(container(5), executionRoleArn=None)})
    assert "web:0" not in ran.out
    assert "a number" in ran.out


def test_ids_are_distinct_and_stay_the_same(check: Check) -> None:
    content = definition(container("registry"), executionRoleArn=None)
    files = {"a.json": content, "b.json": content}
    ids = [each["id"] for each in check("--format", "json", files=files).data["findings"]]
    assert len(set(ids)) == len(ids) == 4
    assert ids == [each["id"] for each in check("--format", "json", files=files).data["findings"]]
    assert ids[2:] == [each["id"] for each in check("--format", "json", files={"./b.json": content}).data["findings"]]


RIGHT, WARNED, BROKEN = definition(), definition(container("registry")), definition(executionRoleArn=None)


@pytest.mark.parametrize(
    ("content", "fail_on", "code"),
    [
        (RIGHT, "error", 0), (RIGHT, "warning", 0), (RIGHT, "never", 0),
        (WARNED, "error", 0), (WARNED, "warning", 1), (WARNED, "never", 0),
        (BROKEN, "error", 1), (BROKEN, "warning", 1), (BROKEN, "never", 0),
        ("{", "error", 2), ("{", "warning", 2), ("{", "never", 2),
    ],
)  # fmt: skip
def test_exit_code(check: Check, content: object, fail_on: str, code: int) -> None:
    assert check("--fail-on", fail_on, files={"a.json": content}).code == code


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
@pytest.mark.parametrize("token", [PASTED["a token"], BASE64.rstrip("=")], ids=["GitHub", "base64"])
def test_a_token_that_was_pasted_into_a_file_is_repeated_in_no_form(check: Check, token: str, form: str) -> None:
    containers = (
        container(token, name="reference"),
        container("registry/ghcr", name=token, image=f"ghcr.io/acme/app:{token}"),
        container("registry/ghcr", name="image", image=token),
    )
    ran = check("--format", form, files={"task.json": definition(*containers)})
    assert "registry/ghcr" in ran.out
    assert token not in f"{ran.out}{ran.err}"
    assert token[4:24] not in f"{ran.out}{ran.err}"
