"""``pullguard explain``: verdicts, exit codes, and what may still deny a pull."""

import json
from dataclasses import replace

import pytest

from pullguard.aws.iam import Iam
from pullguard.domain.lookup import Lookup, Unreadable
from pullguard.domain.role import Simulated
from sandbox.world import World
from tests.unit.cli.conftest import Run, in_account


def gates(run: Run, family: str, *options: str) -> dict[str, str]:
    (container,) = json.loads(run("explain", family, "--format", "json", *options).out)["containers"]
    return {step["gate"]: step["verdict"] for step in container["steps"]}


@pytest.mark.parametrize(
    ("family", "code", "verdicts"),
    [
        ("web", 1, {"reference": "pass", "trust": "pass", "secret access": "fail", "decrypt": "pass"}),
        ("api", 1, {"secret access": "pass", "key": "pass", "decrypt": "fail"}),
        ("worker", 1, {"reference": "fail", "secret": "not looked at", "decrypt": "not looked at"}),
        ("cron", 1, {"value": "fail", "secret access": "pass"}),
        ("intruder", 1, {"value": "not checked", "secret access": "fail"}),
        ("batch", 0, {"reference": "pass", "decrypt": "pass"}),
        ("healthy", 0, {"reference": "pass", "value": "pass", "decrypt": "pass", "registry": "not checked"}),
    ],
)
def test_explain_gives_each_gate_its_verdict(
    run: Run, broken: World, family: str, code: int, verdicts: dict[str, str]
) -> None:
    assert run("explain", family).code == code
    found = gates(run, family)
    assert {gate: found[gate] for gate in verdicts} == verdicts


def test_explain_lists_what_it_did_not_check(run: Run, broken: World) -> None:
    healthy = json.loads(run("explain", "healthy", "--format", "json").out)
    organization, endpoints = healthy["not_looked_at"]
    assert "control policies" in organization
    assert "--cross-check" in organization
    assert "policies of VPC endpoints" in endpoints
    out = " ".join(run("explain", "healthy", "--format", "text").out.split())
    assert organization in out
    assert endpoints in out


REFUSED = Unreadable(permission="iam:SimulatePrincipalPolicy", resource="execution", reason="denied")


@pytest.mark.parametrize(("answer", "left"), [(REFUSED, 1), ((), 0)], ids=["refused", "answered"])
def test_explain_shows_whether_the_cross_check_succeeded(
    run: Run, broken: World, monkeypatch: pytest.MonkeyPatch, answer: Lookup[tuple[Simulated, ...]], left: int
) -> None:
    monkeypatch.setattr(Iam, "simulate", lambda *_: answer)
    blind_spots = json.loads(run("explain", "healthy", "--cross-check", "--format", "json").out)["not_looked_at"]
    organization = [each for each in blind_spots if "control policies" in each]
    assert len(organization) == left
    assert all("iam:SimulatePrincipalPolicy" in each for each in organization)
    assert any("VPC endpoints" in each for each in blind_spots)


def test_explain_names_unknown_conditions(run: Run, broken: World) -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}},
        },
    }
    in_account("iam").put_role_policy(
        RoleName="web-execution", PolicyName="conditional", PolicyDocument=json.dumps(document)
    )
    assert gates(run, "web")["secret access"] == "unknown"
    out = run("explain", "web", "--format", "text").out
    assert out.count("aws:SourceVpce") == 3, "the reason, the statement, the remedy"
    assert "Only the task's start can show aws:SourceVpce." in out
    assert "The pull may work; not certain: secret access" in out


@pytest.mark.parametrize("command", ["explain", "plan"])
def test_a_denied_read_exits_with_2(run: Run, broken: World, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr(Iam, "role", lambda *_: replace(REFUSED, permission="iam:GetRole"))
    ran = run(command, "healthy", "--format", "text")
    assert ran.code == 2
    assert "iam:GetRole on execution: access was denied" in ran.out
