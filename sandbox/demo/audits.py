"""Run `pullguard audit` as an operator would, and read its report."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.emulator import ROOT, Emulator

PULLGUARD = ROOT / ".venv" / "bin" / "pullguard"
MEMBERS = frozenset({"schema_version", "account", "region", "findings", "summary", "not_checked"})
_TIMEOUT_S = 120
_FAULT_CHARS = 300
_MAY_REPORT = (0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The result of an audit: its exit status and its report, or why there is no report."""

    status: int
    report: Mapping[str, Any]
    fault: str = ""

    def failures(self) -> int:
        """Return how many findings are failures."""
        return sum(finding["status"] == "fail" for finding in self.report["findings"])

    def summary(self) -> str:
        """Return the counts in one line."""
        return self.fault or ", ".join(f"{count} {name}" for name, count in self.report["summary"].items())


def run(aws: Emulator) -> Audit:
    """Audit the account; standard output has to be the report and nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    try:
        ended = subprocess.run(
            [str(PULLGUARD), "audit", "--format", "json"],
            env=kept | aws.environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Audit(status=-1, report={}, fault=f"could not be run: {error}")
    if ended.returncode not in _MAY_REPORT:
        return Audit(status=ended.returncode, report={}, fault=f"ended with {ended.returncode}: {_last(ended.stderr)}")
    try:
        report = json.loads(ended.stdout)
    except ValueError:
        return Audit(status=ended.returncode, report={}, fault=f"printed no JSON: {_last(ended.stdout)}")
    if not isinstance(report, dict) or not report.keys() >= MEMBERS:
        return Audit(status=ended.returncode, report={}, fault=f"has not the members {sorted(MEMBERS)}")
    return Audit(status=ended.returncode, report=report)


def _last(text: str) -> str:
    return text.strip()[-_FAULT_CHARS:]
