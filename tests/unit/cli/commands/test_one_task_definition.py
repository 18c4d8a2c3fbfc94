import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pullguard.aws.iam import Iam
from pullguard.checks.catalogue import CHECKS
from pullguard.domain.facts import Lookup, Simulated, Unreadable
from sandbox.world import World
from tests.unit.cli.conftest import Run, in_account

COMMAND = Path(sys.executable).with_name("pullguard")


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


def test_explain_reads_well(run: Run, broken: World) -> None:
    out = " ".join(run("explain", "api:1", "--format", "text").out.split())
    for text in (
        'statement 0 of the inline policy "read-registry-credentials": {"Effect": "Allow"',
        "The pull fails at: decrypt",
        "decrypt-access-missing (error)",
        "aws iam put-role-policy --role-name api-execution",
    ):
        assert text in out
    assert "The pull gets its credentials." in run("explain", "healthy", "--format", "text").out


def test_explain_says_what_it_did_not_look_at(run: Run, broken: World) -> None:
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
def test_explain_tells_whether_the_cross_check_came_about(
    run: Run, broken: World, monkeypatch: pytest.MonkeyPatch, answer: Lookup[tuple[Simulated, ...]], left: int
) -> None:
    monkeypatch.setattr(Iam, "simulate", lambda *_: answer)
    blind_spots = json.loads(run("explain", "healthy", "--cross-check", "--format", "json").out)["not_looked_at"]
    organization = [each for each in blind_spots if "control policies" in each]
    assert len(organization) == left
    assert all("iam:SimulatePrincipalPolicy" in each for each in organization)
    assert any("VPC endpoints" in each for each in blind_spots)


def test_explain_names_what_is_not_known(run: Run, broken: World) -> None:
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
    assert "Only the task's start can tell aws:SourceVpce." in out
    assert "The pull may work; not certain: secret access" in out


def test_explain_takes_an_arn_and_its_region(run: Run, broken: World, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = in_account("ecs").describe_task_definition(taskDefinition="web")["taskDefinition"]["taskDefinitionArn"]
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert run("explain", arn).code == 1
    assert run("explain", arn.replace("task-definition", "cluster")).code == 2
    assert "There is no task definition" in run("explain", "nobody").err


def test_explain_of_an_image_that_needs_nothing(run: Run, aws: None) -> None:
    in_account("ecs").register_task_definition(
        family="plain", containerDefinitions=[{"name": "c", "image": "public.ecr.aws/a/b:1", "memory": 64}]
    )
    ran = run("explain", "plain", "--format", "text")
    assert ran.code == 0
    assert "no repositoryCredentials, and none" in ran.out


def test_plan_tells_the_exact_calls_and_makes_none(run: Run, broken: World) -> None:
    ran = run("plan", "worker", "--move-services", "--format", "json")
    planned = json.loads(ran.out)
    assert ran.code == 1
    assert [call["operation"] for call in planned["calls"]] == [
        "PutRolePolicy",
        "RegisterTaskDefinition",
        "UpdateService",
    ]
    put, register, update = planned["calls"]
    assert put["parameters"]["PolicyName"] == "pullguard-registry-credentials"
    assert {"key": "pullguard:reregistered-from", "value": planned["task_definition"]} in register["parameters"]["tags"]
    assert update["parameters"]["taskDefinition"].endswith("worker:2")
    assert in_account("iam").list_role_policies(RoleName="worker-execution")["PolicyNames"] == [
        "read-registry-credentials"
    ]
    assert in_account("ecs").list_task_definitions(familyPrefix="worker")["taskDefinitionArns"] == [
        planned["task_definition"]
    ]


def test_plan_shows_a_diff_against_what_stands_there(run: Run, broken: World) -> None:
    run_text = run("plan", "web", "--format", "text").out
    assert '+      "Action": "secretsmanager:GetSecretValue",' in run_text
    assert "Nothing was written." in run_text
    planned = json.loads(run("plan", "web").out)["calls"][0]["parameters"]
    in_account("iam").put_role_policy(**planned)
    after = run("plan", "web", "--format", "json")
    assert (after.code, json.loads(after.out)["calls"]) == (0, [])
    assert "There is nothing to fix." in run("plan", "web", "--format", "text").out


def test_plan_keeps_what_the_own_policy_grants_already(run: Run, broken: World) -> None:
    other = in_account("secretsmanager").describe_secret(SecretId="registry/dockerhub-batch")["ARN"]
    own = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "PullguardSecrets",
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": [other],
            }
        ],
    }
    in_account("iam").put_role_policy(
        RoleName="web-execution", PolicyName="pullguard-registry-credentials", PolicyDocument=json.dumps(own)
    )
    (call,) = json.loads(run("plan", "web").out)["calls"]
    (statement,) = json.loads(call["parameters"]["PolicyDocument"])["Statement"]
    assert len(statement["Resource"]) == 2
    assert [each for each in statement["Resource"] if each == other]


@pytest.mark.parametrize(
    ("family", "options", "why"),
    [
        ("intruder", [], "is not opted in"),
        ("worker", [], "MoveServices is off"),
        ("worker", ["--infrastructure-tag", "team"], "belongs to"),
        ("web", ["--registry-secret-pattern", "other/*"], "does not match the deployment's pattern other/*"),
        ("web", ["--require-role-boundary", "arn:aws:iam::aws:policy/Boundary"], "lacks the permissions boundary"),
    ],
)
def test_plan_says_what_it_refuses(run: Run, broken: World, family: str, options: list[str], why: str) -> None:
    planned = json.loads(run("plan", family, *options, "--format", "json").out)
    assert any(why in refusal["why"] for refusal in planned["refusals"])
    assert "refused" in run("plan", family, *options, "--format", "text").out


def test_plan_tells_of_what_only_people_can_mend(run: Run, broken: World) -> None:
    ran = run("plan", "cron", "--format", "json")
    planned = json.loads(ran.out)
    assert (ran.code, planned["calls"]) == (1, [])
    assert [each["check"] for each in planned["left_to_people"]] == ["secret-value-empty-field"]
    out = run("plan", "cron", "--format", "text").out
    assert "Pullguard has nothing to do: the findings must be fixed by hand." in out
    assert "put-secret-value" in out


def test_plan_registers_no_revision_of_what_aws_batch_registered(run: Run, broken: World) -> None:
    ecs = in_account("ecs")
    newest = ecs.describe_task_definition(taskDefinition="worker")["taskDefinition"]["taskDefinitionArn"]
    ecs.tag_resource(resourceArn=newest, tags=[{"key": "AWSBatchServiceTag", "value": "batch"}])
    planned = json.loads(run("plan", "worker", "--format", "json").out)
    assert [call["operation"] for call in planned["calls"]] == ["PutRolePolicy"]
    (refusal,) = planned["refusals"]
    assert "AWS Batch registered the task definition" in refusal["why"]
    assert "aws batch register-job-definition" in refusal["snippet"]
    explained = json.loads(run("explain", "worker", "--format", "json").out)
    remarks = [each for pull in explained["containers"] for step in pull["steps"] for each in step["remarks"]]
    (stale,) = (each["remedy"] for each in remarks if each["check"] == "reference-stale")
    assert stale["action"] == "none"
    assert "Register the job definition again" in stale["text"]


def test_plan_leaves_what_works(run: Run, broken: World) -> None:
    ran = run("plan", "batch", "--format", "text")
    assert ran.code == 0
    assert "warning  reference-not-full-arn" in ran.out
    assert "It works today, so it is left to you" in ran.out


@pytest.mark.parametrize("command", ["explain", "plan"])
def test_what_aws_denies_is_no_verdict(run: Run, broken: World, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr(Iam, "role", lambda *_: replace(REFUSED, permission="iam:GetRole"))
    ran = run(command, "healthy", "--format", "text")
    assert ran.code == 2
    assert "iam:GetRole on execution: access was denied" in ran.out


def test_explain_says_no_more_than_was_read(run: Run, broken: World) -> None:
    out = " ".join(run("explain", "intruder", "--format", "text").out.split())
    assert "is the full ARN of a secret." in out
    assert "it may be used for this image" not in out
    healthy = " ".join(run("explain", "healthy", "--format", "text").out.split())
    assert "The AWS managed key aws/secretsmanager lets" in healthy
    assert "Allow access through AWS Secrets Manager" not in healthy
    worker = " ".join(run("explain", "worker:1", "--format", "text").out.split())
    assert "secret, value, secret access, key, decrypt" in worker
    assert worker.count("because of another gate") == 1
    assert "✓ trust" in worker


def test_findings_lists_the_catalogue(run: Run) -> None:
    out = run("findings").out
    assert all(check.id in out for check in CHECKS)
    one = run("findings", "reference-stale")
    assert (one.code, "re-register" in one.out) == (0, True)
    assert run("findings", "reference-stall").err == (
        'pullguard: There is no check "reference-stall". Did you mean reference-stale?\n'
    )


@pytest.mark.parametrize("command", ["", "audit", "explain", "plan", "check", "findings"])
def test_help_says_what_a_command_does(run: Run, command: str) -> None:
    ran = run(*filter(None, (command, "--help")))
    assert ran.code == 0
    assert "Usage: pullguard" in ran.out
    assert "Exit codes" in ran.out or command == "findings"
    assert "<bool>" not in ran.out
    assert ("--fail-on" in ran.out) == (command in ("audit", "check"))
    assert "Examples" in ran.out or command == ""


def test_a_wrong_value_is_told_in_plain_words(run: Run) -> None:
    ran = run("audit", "--format", "xml")
    assert (ran.code, "Value error" in ran.err, "is not one of" in ran.err) == (2, False, True)


@pytest.mark.parametrize(("shell", "says"), [("fish", "complete --command pullguard"), ("zsh", "#compdef pullguard")])
def test_completion_is_for_the_shell_that_was_named(shell: str, says: str) -> None:
    done = subprocess.run([COMMAND, "--show-completion", shell], capture_output=True, text=True, timeout=60, check=True)
    assert says in done.stdout


ASCII = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}


def test_a_console_without_our_signs_gets_others() -> None:
    done = subprocess.run([COMMAND, "findings"], env=ASCII, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.isascii()
    assert "reference-stale" in done.stdout


def test_a_full_disk_is_told_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, "findings"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == 2
    assert done.stderr == "pullguard: cannot write the output: No space left on device.\n"


def test_whoever_interrupts_at_once_reads_one_line(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pullguard_cli.connection.connect", interrupted)
    ran = run("audit")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "pullguard: interrupted before there was anything to report.\n"


def test_version(run: Run) -> None:
    assert run("--version").out.startswith("pullguard ")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (
            "pullguard ",
            {"audit", "explain", "plan", "diagnose", "check", "history", "rollback", "stop", "resume", "findings"},
        ),
        ("pullguard findings reference-st", {"reference-stale"}),
    ],
)
def test_a_shell_completes(words: str, offered: set[str]) -> None:
    environment = {
        **os.environ,
        "_PULLGUARD_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = subprocess.run([COMMAND], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert set(done.stdout.split()) == offered
