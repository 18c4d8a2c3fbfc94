"""How fast is the audit? ``python -m benchmarks.audit`` prints the figures that docs/benchmarks.md quotes.

Everything runs on 127.0.0.1, against benchmarks/stub.py, and is measured from outside, as a whole process:

- the start of the command, against cfn-lint;
- an audit of 1,000 families with 20 secrets and 20 roles, with all its checks, against Cloud Custodian's
  ``aws.ecs-task-definition`` with one value filter, in turn;
- a first and a second audit of families with 5 revisions, against a server that throttles as ECS does;
- the memory of an audit of 10,000 families.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import stub
from benchmarks.figure import Figure, table
from benchmarks.stub import DEFINITIONS, World, served

ROOT = Path(__file__).parents[1]
CUSTODIAN = ROOT / ".tools" / "custodian" / "bin" / "custodian"
PULLGUARD = Path(sys.executable).with_name("pullguard")
CFN_LINT = Path(sys.executable).with_name("cfn-lint")
AUDIT: Final = (str(PULLGUARD), "audit", "--format", "json", "--read-values")
REVISIONS = 5
FAMILIES, MANY = 1_000, 10_000
ROUNDS = 5
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": stub.REGION,
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
    calls: stub.Calls
    status: int
    output: str


def timed(command: tuple[str, ...], endpoint: str = "", **environment: str) -> Run:
    """Run ``command`` against the server and measure it as a whole process, by the system's own account of it."""
    if endpoint:
        stub.taken(endpoint)
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
            calls=stub.taken(endpoint) if endpoint else stub.Calls(),
            status=os.waitstatus_to_exitcode(status),
            output=output.read(),
        )


def show(name: str, run: Run) -> None:
    """Print one row."""
    print(
        f"{name:<34}{run.wall_s:>8.1f} s{run.cpu_s:>8.2f} s of CPU{run.peak_mb:>6.0f} MB"
        f"{run.calls.answered.total():>8} calls   exit {run.status}",
        flush=True,
    )


def findings(run: Run) -> Any:
    """Return the findings of an audit."""
    return json.loads(run.output)["findings"]


def measure_start(rounds: int) -> list[Figure]:
    """Compare the start of the command with cfn-lint's, by CPU time: medians of runs in turn."""
    figures = []
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
            name = f"`pullguard {arguments[0]}`, CPU against cfn-lint's"
            figures.append(Figure(name=name, value=ours / cfn_lint, goal=most))
    return figures


def measure_cpu(families: int, rounds: int) -> list[Figure]:
    """Compare the audit with Custodian, in turn, on one server."""
    with served(World(families=families)) as endpoint, tempfile.TemporaryDirectory() as scratch:
        policy = Path(scratch) / "policy.yml"
        policy.write_text(POLICY)
        custodian = (str(CUSTODIAN), "run", "-s", scratch, "--cache-period", "0", str(policy))
        pairs = []
        for _ in range(rounds):
            pairs.append((timed(AUDIT, endpoint), timed(custodian, endpoint)))
            show("pullguard audit", pairs[-1][0])
            show("custodian, one value filter", pairs[-1][1])
        for run in pairs[-1]:
            print("  ", dict(sorted(run.calls.answered.items())))
    spent = [median(run.cpu_s for run in each) for each in zip(*pairs, strict=True)]
    return [
        Figure(name=f"audit of {families:,} families, CPU against Custodian's", value=spent[0] / spent[1], goal=1.0)
    ]


def measure_quota(families: int) -> list[Figure]:
    """Audit twice against a server that throttles as ECS does, the second time with the cache of the first."""
    world = World(families=families, revisions=REVISIONS)
    with served(world, throttle=True) as endpoint, tempfile.TemporaryDirectory() as scratch:
        cold, warm = (timed((*AUDIT, "--cache"), endpoint, XDG_CACHE_HOME=scratch) for _ in range(2))
        (file,) = (each for each in Path(scratch).rglob("*") if each.is_file())
        size_mb = file.stat().st_size / 1e6
    least_s = DEFINITIONS.imposed_s(cold.calls.answered)
    for name, run in ((f"first audit, {REVISIONS} revisions each", cold), ("second audit", warm)):
        show(name, run)
        print("  ", dict(sorted(run.calls.answered.items())))
    print(f"   {cold.calls.throttled.total()} calls throttled; the quota alone takes {least_s:.1f} s")
    print(f"   cache: {size_mb:.1f} MB; same findings ({len(findings(cold))}): {findings(cold) == findings(warm)}")
    return [
        Figure(name="first audit at the quota, against its time", value=cold.wall_s / max(least_s, 1), goal=1.05),
        Figure(name="second audit at the quota", value=warm.wall_s, goal=5, unit="s"),
    ]


def measure_memory(families: int) -> list[Figure]:
    """Audit many families, twice, for the memory that it takes."""
    with served(World(families=families)) as endpoint, tempfile.TemporaryDirectory() as scratch:
        runs = [timed((*AUDIT, "--cache"), endpoint, XDG_CACHE_HOME=scratch) for _ in range(2)]
    for name, run in zip(("first audit", "second audit"), runs, strict=True):
        show(f"{name}, {families:,} families", run)
    most_mb = max(run.peak_mb for run in runs)
    return [Figure(name=f"memory of an audit of {families:,} families", value=most_mb, goal=200, unit="MB")]


MEASURES: Final[Mapping[str, Callable[[], list[Figure]]]] = {
    "start": lambda: measure_start(ROUNDS),
    "cpu": lambda: measure_cpu(FAMILIES, ROUNDS),
    "quota": lambda: measure_quota(FAMILIES),
    "memory": lambda: measure_memory(MANY),
}


def measure() -> list[Figure]:
    """Run all parts."""
    return [figure for part in MEASURES.values() for figure in part()]


def main() -> None:
    """Run everything, or one part, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=MEASURES)
    only = parser.parse_args().only
    print(table(MEASURES[only]() if only else measure()))


if __name__ == "__main__":
    main()
