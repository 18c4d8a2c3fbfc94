"""How fast is the audit? ``python -m benchmarks.audit`` prints the figures that docs/benchmarks.md quotes.

Everything runs on 127.0.0.1, against moto servers, and is measured from outside, as a whole process:

- the start of the command, against cfn-lint;
- an audit of 1,000 families with 20 secrets and 20 roles, with all its checks, against Cloud Custodian's
  ``aws.ecs-task-definition`` with one value filter, in turn;
- a first and a second audit of families with 5 revisions, against a server that throttles as ECS does;
- the memory of an audit of 10,000 families.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import boto3

ROOT = Path(__file__).parents[1]
CUSTODIAN = ROOT / ".tools" / "custodian" / "bin" / "custodian"
PULLGUARD = Path(sys.executable).with_name("pullguard")
CFN_LINT = Path(sys.executable).with_name("cfn-lint")
AUDIT: Final = (str(PULLGUARD), "audit", "--format", "json", "--read-values")
REGION = "us-east-1"
SECRETS = ROLES = 20
REVISIONS = 5
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
BURST, REFILL_PER_S = 50, 20
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": REGION,
    "PATH": os.environ["PATH"],
    "HOME": os.environ.get("HOME", "/"),
    **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
}
TEMPLATE = """
Resources:
  Web:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: web
      ExecutionRoleArn: arn:aws:iam::123456789012:role/web
      ContainerDefinitions:
        - Name: app
          Image: ghcr.io/acme/app:1
          Memory: 128
          RepositoryCredentials:
            CredentialsParameter: arn:aws:secretsmanager:us-east-1:123456789012:secret:registry-AbCdEf
"""
POLICY = """
policies:
  - name: bench
    resource: aws.ecs-task-definition
    filters:
      - type: value
        key: executionRoleArn
        value: present
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One command, measured from outside: wall and CPU seconds, peak memory in MB, calls by action, its exit status."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    calls: dict[str, int]
    status: int
    output: str


@contextmanager
def served(*, throttle: bool) -> Iterator[str]:
    """Serve moto on a free port of loopback; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--throttle", str(BURST), str(REFILL_PER_S)] if throttle else []
    command = [sys.executable, "-m", "benchmarks.audit_server", str(port), *options]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def load(endpoint: str, families: int, revisions: int = 1) -> None:
    """Register families, which share 20 secrets and 20 roles. One role may read no secret, which gives findings."""
    session = boto3.Session("bench", "bench", region_name=REGION)
    secretsmanager = session.client("secretsmanager", endpoint_url=endpoint)
    iam = session.client("iam", endpoint_url=endpoint)
    ecs = session.client("ecs", endpoint_url=endpoint)
    value = json.dumps({"username": "bench", "password": "bench"})
    secrets = [
        secretsmanager.create_secret(
            Name=f"registry/{n}", SecretString=value, Tags=[{"Key": "pullguard:registry", "Value": "ghcr.io"}]
        )["ARN"]
        for n in range(SECRETS)
    ]
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    read = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secrets}
    roles = []
    for n in range(ROLES):
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        roles.append(iam.create_role(RoleName=f"execution-{n}", AssumeRolePolicyDocument=document)["Role"]["Arn"])
        policy = json.dumps({"Version": "2012-10-17", "Statement": [read]})
        if n:
            iam.put_role_policy(RoleName=f"execution-{n}", PolicyName="read", PolicyDocument=policy)
    for n in [n for n in range(families) for _ in range(revisions)]:
        ecs.register_task_definition(
            family=f"family-{n:04}",
            executionRoleArn=roles[n % ROLES],
            containerDefinitions=[
                {
                    "name": "app",
                    "image": f"ghcr.io/acme/app-{n}:1",
                    "memory": 128,
                    "repositoryCredentials": {"credentialsParameter": secrets[(n // ROLES) % SECRETS]},
                }
            ],
            tags=[{"key": "team", "value": f"team-{n % 7}"}],
        )


def timed(command: tuple[str, ...], endpoint: str = "", **environment: str) -> Run:
    """Run ``command`` against the server and measure it as a whole process, by the system's own account of it."""
    if endpoint:
        calls_of(endpoint)
        environment["AWS_ENDPOINT_URL"] = endpoint
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=ENVIRONMENT | environment, cwd=ROOT, stdout=output, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        output.seek(0)
        return Run(
            wall_s=wall_s,
            cpu_s=usage.ru_utime + usage.ru_stime,
            peak_mb=usage.ru_maxrss / 1024,
            calls=calls_of(endpoint) if endpoint else {},
            status=os.waitstatus_to_exitcode(status),
            output=output.read(),
        )


def calls_of(endpoint: str) -> dict[str, int]:
    """Return the calls since the last question, by action."""
    with urllib.request.urlopen(f"{endpoint}/_bench/calls") as answer:
        counts: dict[str, int] = json.load(answer)
        return counts


def show(name: str, run: Run) -> None:
    """Print one row."""
    calls = sum(count for action, count in run.calls.items() if action != "throttled")
    print(
        f"{name:<34}{run.wall_s:>8.1f} s{run.cpu_s:>8.2f} s of CPU{run.peak_mb:>6.0f} MB{calls:>8} calls"
        f"   exit {run.status}",
        flush=True,
    )


def judge(what: str, value: float, most: float, unit: str = "x") -> None:
    """Print a figure and its goal."""
    verdict = "reached" if value <= most else "NOT REACHED"
    print(f"   {what}: {value:.2f} {unit} (goal: at most {most} {unit}): {verdict}", flush=True)


def findings(run: Run) -> Any:
    """Return the findings of an audit."""
    return json.loads(run.output)["findings"]


def measure_start(rounds: int) -> None:
    """Compare the start of the command with cfn-lint's, by CPU time: medians of runs in turn."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "template.yaml"
        file.write_text(TEMPLATE)
        for arguments, most in (("--version",), 0.15), (("--help",), 0.4), (("check", str(file)), 0.5):
            theirs = arguments[-1:]
            pairs = [
                (timed((str(PULLGUARD), *arguments)).cpu_s, timed((str(CFN_LINT), *theirs)).cpu_s)
                for _ in range(rounds)
            ]
            ours, cfn_lint = (median(each) for each in zip(*pairs, strict=True))
            print(f"pullguard {arguments[0]}: {ours * 1000:.0f} ms of CPU, cfn-lint {cfn_lint * 1000:.0f} ms")
            judge("ratio", ours / cfn_lint, most)


def measure_cpu(families: int, rounds: int) -> None:
    """Compare the audit with Custodian, in turn, on one server."""
    with served(throttle=False) as endpoint, tempfile.TemporaryDirectory() as scratch:
        load(endpoint, families)
        policy = Path(scratch) / "policy.yml"
        policy.write_text(POLICY)
        custodian = (str(CUSTODIAN), "run", "-s", scratch, "--cache-period", "0", str(policy))
        pairs = []
        for _ in range(rounds):
            pairs.append((timed(AUDIT, endpoint), timed(custodian, endpoint)))
            show("pullguard audit", pairs[-1][0])
            show("custodian, one value filter", pairs[-1][1])
        print("  ", dict(sorted(pairs[-1][0].calls.items())))
        print("  ", dict(sorted(pairs[-1][1].calls.items())))
        ours, theirs = (median(run.cpu_s for run in each) for each in zip(*pairs, strict=True))
        judge("CPU, medians", ours / theirs, 1.0)
        ours, theirs = (median(run.wall_s for run in each) for each in zip(*pairs, strict=True))
        judge("wall time, medians", ours / theirs, 0.5)


def measure_quota(families: int) -> None:
    """Audit twice against a server that throttles as ECS does, and once more without the cache."""
    with served(throttle=True) as endpoint, tempfile.TemporaryDirectory() as scratch:
        load(endpoint, families, REVISIONS)  # registering is not throttled there, describing and listing is
        cold = timed((*AUDIT, "--cache"), endpoint, XDG_CACHE_HOME=scratch)
        show(f"first audit, {REVISIONS} revisions each", cold)
        print("  ", dict(sorted(cold.calls.items())))
        shared = cold.calls.get("DescribeTaskDefinition", 0) + cold.calls.get("ListTaskDefinitionFamilies", 0)
        least_s = (shared - BURST) / REFILL_PER_S
        print(f"   {cold.calls.get('throttled', 0)} calls throttled; the quota alone takes {least_s:.1f} s")
        judge("ratio to the quota", cold.wall_s / max(least_s, 1), 1.15)
        time.sleep(BURST / REFILL_PER_S)  # until the bucket is full
        warm = timed((*AUDIT, "--cache"), endpoint, XDG_CACHE_HOME=scratch)
        show("second audit", warm)
        print("  ", dict(sorted(warm.calls.items())))
        judge("second audit", warm.wall_s, 5, "s")
        (file,) = (each for each in Path(scratch).rglob("*") if each.is_file())
        print(f"   cache: {file.stat().st_size / 1e6:.1f} MB")
        print(f"   same findings ({len(findings(cold))}): {findings(cold) == findings(warm)}")


def measure_memory(families: int) -> None:
    """Audit many families, twice, for the memory that it takes."""
    with served(throttle=False) as endpoint, tempfile.TemporaryDirectory() as scratch:
        load(endpoint, families)
        for name in ("first audit", "second audit"):
            run = timed((*AUDIT, "--cache"), endpoint, XDG_CACHE_HOME=scratch)
            show(f"{name}, {families:,} families", run)
            judge("memory", run.peak_mb, 200, "MB")


def main() -> None:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", type=int, default=1000)
    parser.add_argument("--many", type=int, default=10_000, help="families of the measurement of memory")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("start", "cpu", "quota", "memory"))
    options = parser.parse_args()
    wanted = (options.only,) if options.only else ("start", "cpu", "quota", "memory")
    if "start" in wanted:
        measure_start(options.rounds)
    if "cpu" in wanted:
        measure_cpu(options.families, options.rounds)
    if "quota" in wanted:
        measure_quota(options.families)
    if "memory" in wanted:
        measure_memory(options.many)


if __name__ == "__main__":
    main()
