"""The machine's Docker engine, by its command line: whether it answers, and what the sandbox asks of it."""

import json
import shutil
import subprocess
from functools import cache
from ipaddress import ip_network
from typing import Any, Final

from sandbox.emulator import SandboxError

_ANSWER_S: Final = 10
_CALL_S: Final = 120


def absence() -> str | None:
    """Say in one line why no Docker engine can be used, or return None where one answers."""
    if shutil.which("docker") is None:
        return "there is no docker command: install Docker (Debian: apt-get install docker.io)"
    try:
        result = _run("info", "--format", "{{.ServerVersion}}", timeout_s=_ANSWER_S)
    except subprocess.TimeoutExpired:
        return f"the Docker engine did not answer within {_ANSWER_S} s"
    if result.returncode == 0 and result.stdout.strip():
        return None
    return f"no Docker engine answers ({_last_line(result)}): start it (systemctl start docker, or dockerd by hand)"


def docker(*arguments: str, timeout_s: float = _CALL_S) -> str:
    """Run one docker command and return what it prints; raises SandboxError with its last line where it fails."""
    try:
        result = _run(*arguments, timeout_s=timeout_s)
    except subprocess.TimeoutExpired as expired:
        raise SandboxError(f"docker {arguments[0]} was not done after {timeout_s:g} s") from expired
    if result.returncode:
        raise SandboxError(f"docker {' '.join(arguments)} failed: {_last_line(result)}")
    return result.stdout.strip()


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """Return what Docker knows of an ``image``, ``container`` or ``network``, or None where there is none."""
    result = _run(kind, "inspect", name, timeout_s=_CALL_S)
    if result.returncode:
        return None
    found: dict[str, Any] = json.loads(result.stdout)[0]
    return found


@cache
def gateway() -> str:
    """Return this machine's address on Docker's own bridge, at which containers reach it.

    A new engine's bridge names its subnet only; the gateway then is the subnet's first address.
    """
    bridge = inspect("network", "bridge") or {}
    for each in bridge.get("IPAM", {}).get("Config") or ():
        subnet = ip_network(each["Subnet"])
        if subnet.version == 4:  # noqa: PLR2004
            return str(each.get("Gateway") or next(subnet.hosts()))
    raise SandboxError("Docker's bridge network has no IPv4 subnet: containers could not reach this machine.")


def _run(*arguments: str, timeout_s: float) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["docker", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=timeout_s,
    )


def _last_line(result: "subprocess.CompletedProcess[str]") -> str:
    return (result.stderr.strip() or result.stdout.strip() or f"exit status {result.returncode}").splitlines()[-1]
