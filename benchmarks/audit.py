"""How fast is the audit? ``python -m benchmarks.audit`` prints the figures that docs/benchmarks.md quotes.

1,000 families with 20 secrets and 20 roles on a local moto server: our audit with all its checks, and Cloud Custodian's
``aws.ecs-task-definition`` with one value filter, on one server, one after the other. Then our audit against a server
that throttles as ECS does. Everything runs on 127.0.0.1.
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

import boto3

from benchmarks.audit_server import BURST, REFILL_PER_S

ROOT = Path(__file__).parents[1]
CUSTODIAN = ROOT / ".tools" / "custodian" / "bin" / "custodian"
REGION = "us-east-1"
SECRETS = ROLES = 20
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": REGION,
    "PATH": os.environ["PATH"],
    "HOME": os.environ.get("HOME", "/"),
}
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
    """One command, measured from outside: wall seconds, peak memory in MB, calls by action, its exit status.

    ``server_cpu_s`` is the CPU time that the server used meanwhile, in seconds.
    """

    wall_s: float
    server_cpu_s: float
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
    options = ["--throttle"] if throttle else []
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


def load(endpoint: str, families: int) -> None:
    """Register ``families`` valid task definitions that share 20 secrets and 20 roles."""
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
        iam.put_role_policy(RoleName=f"execution-{n}", PolicyName="read", PolicyDocument=policy)
    for n in range(families):
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
        )


def timed(command: list[str], endpoint: str) -> Run:
    """Run ``command`` against the server and measure it as a whole process, by the system's own account of it."""
    calls_of(endpoint)
    cpu_s = cpu_of(endpoint)
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint},
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        output.seek(0)
        return Run(
            wall_s=wall_s,
            server_cpu_s=cpu_of(endpoint) - cpu_s,
            peak_mb=usage.ru_maxrss / 1024,
            calls=calls_of(endpoint),
            status=os.waitstatus_to_exitcode(status),
            output=output.read(),
        )


def calls_of(endpoint: str) -> dict[str, int]:
    """Return the calls since the last question, by action."""
    with urllib.request.urlopen(f"{endpoint}/_bench/calls") as answer:
        counts: dict[str, int] = json.load(answer)
        return counts


def cpu_of(endpoint: str) -> float:
    """Return the CPU seconds that the server has used so far."""
    with urllib.request.urlopen(f"{endpoint}/_bench/cpu") as answer:
        return float(json.load(answer)["cpu_s"])


def show(name: str, run: Run) -> None:
    """Print one row."""
    calls = sum(count for action, count in run.calls.items() if action != "throttled")
    print(
        f"{name:<34}{run.wall_s:>8.1f} s{run.peak_mb:>8.0f} MB{calls:>8} calls   exit {run.status}"
        f"   server {run.server_cpu_s:.1f} s of CPU"
    )


def main() -> None:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", type=int, default=1000)
    options = parser.parse_args()
    families = options.families
    audit = [str(ROOT / ".venv/bin/pullguard"), "audit", "--format", "json", "--read-values"]
    with served(throttle=False) as endpoint, tempfile.TemporaryDirectory() as scratch:
        load(endpoint, families)
        policy = Path(scratch) / "policy.yml"
        policy.write_text(POLICY)
        ours = timed(audit, endpoint)
        show("pullguard audit", ours)
        print("  ", dict(sorted(ours.calls.items())))
        theirs = timed([str(CUSTODIAN), "run", "-s", scratch, "--cache-period", "0", str(policy)], endpoint)
        show("custodian, one value filter", theirs)
        print("  ", dict(sorted(theirs.calls.items())))
        print(f"ratio of wall time: {ours.wall_s / theirs.wall_s:.2f} (to be below 0.50)")
        print(f"   half of that is {theirs.wall_s / 2:.1f} s; the server alone used {theirs.server_cpu_s:.1f} s")
    with served(throttle=True) as endpoint:
        load(endpoint, families)  # registering is not throttled there, describing and listing is
        slowed = timed(audit, endpoint)
        show("pullguard audit, throttled", slowed)
        shared = slowed.calls.get("DescribeTaskDefinition", 0) + slowed.calls.get("ListTaskDefinitionFamilies", 0)
        least_s = (shared - BURST) / REFILL_PER_S
        print(f"   {slowed.calls.get('throttled', 0)} calls throttled; the quota alone takes {least_s:.1f} s")
        print(f"ratio to the quota: {slowed.wall_s / least_s:.2f} (to be at most 1.15)")
        print(f"same findings: {json.loads(ours.output)['findings'] == json.loads(slowed.output)['findings']}")


if __name__ == "__main__":
    main()
