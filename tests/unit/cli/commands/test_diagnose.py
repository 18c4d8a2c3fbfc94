"""``pullguard diagnose``, as a person runs it: offline, on any text."""

import io
import json
import re
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.diagnosis import Kind
from pullguard_cli.commands.diagnose import MAX_BYTES, answer_to
from tests.unit.cli.conftest import Ran, Run
from tests.unit.domain.stopped_texts import TEXTS

DOCS = Path(__file__).parents[4] / "docs" / "operations.md"
DENIED = "CannotPullContainerError: pull access denied for acme/web, repository does not exist or may require 'docker"
ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1"


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def answered(ran: Ran) -> dict[str, Any]:
    assert (ran.code, ran.err) == (0, "")
    answer = json.loads(ran.out)
    assert list(answer) == ["kind", "summary", "checks", "how_to_fix", "source"]
    assert answer["kind"] in get_args(Kind)
    return dict(answer)


@pytest.mark.parametrize("kind", TEXTS)
def test_every_text_is_explained_in_the_shape_of_the_contract(run: Run, kind: str) -> None:
    text = next(filter(str.strip, TEXTS[kind]))
    assert answered(run("diagnose", text))["kind"] == kind


def test_the_answer_names_what_the_text_names(run: Run) -> None:
    answer = answered(run("diagnose", "CannotPullContainerError: failed to resolve ref ghcr.io/acme/web:1: denied"))
    assert answer["summary"].endswith("no such repository. The image is at ghcr.io.")
    role = "arn:aws:iam::111122223333:role/web"
    answer = answered(run("diagnose", f"ECS was unable to assume the role '{role}' that was provided"))
    assert answer["summary"].endswith(f"The role is {role}.")
    assert answer["checks"][0] == "execution-role-not-assumable"


def test_words_without_quotes_are_one_text(run: Run) -> None:
    assert answered(run("diagnose", "CannotPullContainerError:", "no", "space", "left", "on", "device"))["kind"] == (
        "disk-full"
    )


def test_text_for_people(run: Run) -> None:
    ran = run("diagnose", DENIED, "--format", "text")
    assert ran.code == 0
    assert ran.out.splitlines()[0] == "pull-denied"
    assert "How to fix it" in ran.out
    assert "credentials-rejected, credentials-missing" in ran.out
    assert "https://docs.aws.amazon.com/" in ran.out


STOPPED: dict[str, Any] = {
    "stoppedReason": "Task failed to start",
    "overrides": {"executionRoleArn": "arn:aws:iam::111122223333:role/batch"},
    "containers": [
        {"name": "sidecar", "image": ECR, "reason": "CannotPullContainerError: context canceled"},
        {"name": "web", "image": "ghcr.io/acme/web:1", "reason": DENIED},
        {"name": "idle", "image": 7},
        "nonsense",
    ],
}
SERVICE_EVENTS = {
    "services": [
        {
            "events": [
                {"id": "2", "message": "(service web) has started 1 tasks: (task 0a)."},
                {"id": "1", "message": f"(service web) was unable to place a task. Reason: {DENIED}"},
            ]
        },
        None,
    ]
}
DOCUMENTS: dict[str, tuple[object, str]] = {
    "describe-tasks": ({"tasks": [{"stoppedReason": "Essential container in task exited"}, STOPPED]}, "pull-denied"),
    "a task": (STOPPED, "pull-denied"),
    "an event of EventBridge": ({"detail-type": "ECS Task State Change", "detail": STOPPED}, "pull-denied"),
    "a query": ([STOPPED["stoppedReason"], DENIED], "pull-denied"),
    "a string": (DENIED, "pull-denied"),
    "describe-services": (SERVICE_EVENTS, "pull-denied"),
    "a deployment that failed": (
        {
            "detail-type": "ECS Deployment State Change",
            "detail": {"reason": "ECS deployment failed: tasks failed to start."},
        },
        "unknown",
    ),
    "only Amazon ECR": ({"tasks": [{"containers": STOPPED["containers"][:1]}]}, "ecr-authorization"),
    "the answer of a registry": (
        {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]},
        "pull-denied",
    ),
    "no task": ({"tasks": [], "failures": [{"reason": "MISSING"}]}, "unknown"),
    "null": ({"tasks": [None, {"stoppedReason": None, "containers": None}]}, "unknown"),
}


@pytest.mark.parametrize(("document", "kind"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_json_of_aws_is_read(run: Run, monkeypatch: pytest.MonkeyPatch, document: object, kind: str) -> None:
    piped(monkeypatch, json.dumps(document).encode())
    assert answered(run("diagnose", "-"))["kind"] == kind


def test_the_role_of_the_overrides_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, json.dumps({"tasks": [STOPPED]}).encode())
    summary = answered(run("diagnose", "-"))["summary"]
    assert 'execution role with "arn:aws:iam::111122223333:role/batch"' in summary


NOTHING_STOPPED = {
    "no task": {"tasks": [], "failures": [{"arn": "x", "reason": "MISSING"}]},
    "no task, and words of a pull": {"tasks": [], "failures": [{"arn": "x", "reason": "denied: x"}]},
    "a task that runs": {"tasks": [{"lastStatus": "RUNNING", "containers": [{"name": "web", "image": ECR}]}]},
    "list-tasks": {"taskArns": ["arn:aws:ecs:us-east-1:111122223333:task/main/denied"]},
    "a service without events": {"services": [{"serviceName": "unauthorized: x", "events": []}]},
    "no service": {"services": [], "failures": [{"reason": "MISSING"}]},
    "a query without results": [],
    "nothing": {},
    "an event without a reason": {"detail-type": "ECS Task State Change", "detail": {"lastStatus": "RUNNING"}},
}


@pytest.mark.parametrize("document", NOTHING_STOPPED.values(), ids=NOTHING_STOPPED)
def test_json_without_a_stopped_task_is_reported_as_such(
    run: Run, monkeypatch: pytest.MonkeyPatch, document: object
) -> None:
    piped(monkeypatch, json.dumps(document).encode())
    answer = answered(run("diagnose", "-"))
    assert (answer["kind"], answer["checks"]) == ("unknown", [])
    assert answer["summary"] == "The JSON contains no stopped task and no service event."
    assert "--desired-status STOPPED" in answer["how_to_fix"]


def test_a_closed_standard_input_is_reported_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    ran = run("diagnose", "-")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "There is no standard input." in ran.err


def test_a_standard_input_that_cannot_be_read_is_reported_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "written").open("w") as written, open(written.fileno(), "rb", closefd=False) as unreadable:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(unreadable))
        ran = run("diagnose", "-")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "Cannot read standard input: " in ran.err


@pytest.mark.parametrize("text", ["{", '{"tasks": [', "[" * 100_000, "\ufeffEssential container", "no JSON {}"])
def test_invalid_json_is_a_text(run: Run, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    piped(monkeypatch, text.encode())
    answer = answered(run("diagnose", "-"))
    assert (answer["kind"], answer["summary"]) == ("unknown", "This is not a text that Pullguard knows.")


UNUSABLE = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\t", "is empty"),
    "not UTF-8": (b"CannotPull\xff", "is not UTF-8"),
    "UTF-16": ("CannotPull".encode("utf-16"), "is not UTF-8"),
    "binary": (b"Cannot\0Pull", "is binary"),
    "too large": (b"x" * (MAX_BYTES + 1), "is larger than 1 MB"),
}


@pytest.mark.parametrize(("data", "why"), UNUSABLE.values(), ids=UNUSABLE)
def test_unreadable_input_is_reported_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, data: bytes, why: str
) -> None:
    piped(monkeypatch, data)
    ran = run("diagnose", "-")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert why in ran.err


@pytest.mark.parametrize(("text", "why"), [("", "is empty"), ("  ", "is empty"), ("x\udcff", "is not UTF-8")])
def test_an_argument_that_cannot_be_read_is_reported_in_one_line(run: Run, text: str, why: str) -> None:
    ran = run("diagnose", text)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert why in ran.err


HOSTILE = (
    "CannotPullContainerError: \x1b[31mGet https://ci:hunter2@registry.example.com/v2/: denied",
    "CannotPullContainerError: failed to resolve ref ci:hunter2@registry.example.com/acme/web: denied",
    "CannotPullContainerError: pull access denied for hunter2\x1b[2J, repository does not exist",
    'CannotPullContainerError: proxyconnect tcp: dial "http://ci:hunter2@proxy.example.com:3128": EOF',
    json.dumps({"tasks": [{"stoppedReason": "denied: hunter2", "overrides": {"executionRoleArn": "\x1b[31m"}}]}),
    json.dumps({"tasks": [{"stoppedReason": "denied: x", "overrides": {"executionRoleArn": "password=hunter2"}}]}),
    "CannotPullContainerError: Get https://ghcr.io/token?password=hunter2&account=x: unauthorized",
    "CannotPullContainerError: unauthorized: Authorization: Basic hunter2",
)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("text", HOSTILE)
def test_neither_credentials_nor_control_characters_are_repeated(run: Run, text: str, form: str) -> None:
    ran = run("diagnose", text, "--format", form)
    assert ran.code == 0
    assert "hunter2" not in ran.out
    assert "\x1b" not in ran.out


def test_it_needs_no_credentials(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    answered(run("diagnose", DENIED))


def test_the_documentation_lists_every_kind() -> None:
    section = DOCS.read_text(encoding="utf-8").partition("## Why a task did not start")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) == list(get_args(Kind))


@given(st.text(min_size=1))
def test_any_text_has_an_answer(text: str) -> None:
    assert answer_to(text)["kind"] in get_args(Kind)
