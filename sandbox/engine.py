"""The machine's Docker engine, through its command line: whether it answers, and the sandbox's commands."""

import json
import select
import shutil
import subprocess
from functools import cache
from ipaddress import ip_network
from typing import Any, Final

from sandbox.server import SandboxError

_ANSWER_S: Final = 10
_CALL_S: Final = 120
_PULL_S: Final = 600


def absence() -> str | None:
    """Return in one line why no Docker engine can be used, or None if one answers."""
    if shutil.which("docker") is None:
        return "there is no docker command: install Docker (Debian: apt-get install docker.io)"
    try:
        result = _run("ps", "--quiet", timeout_s=_ANSWER_S)
    except subprocess.TimeoutExpired:
        return f"the Docker engine did not answer within {_ANSWER_S} s"
    if result.returncode == 0:
        return None
    return f"no Docker engine answers ({_last_line(result)}): start it (systemctl start docker, or dockerd by hand)"


def docker(*arguments: str, timeout_s: float = _CALL_S) -> str:
    """Run one docker command and return its output; raises SandboxError with its last line if it fails."""
    try:
        result = _run(*arguments, timeout_s=timeout_s)
    except subprocess.TimeoutExpired as expired:
        raise SandboxError(f"docker {arguments[0]} was not done after {timeout_s:g} s") from expired
    if result.returncode:
        raise SandboxError(f"docker {' '.join(arguments)} failed: {_last_line(result)}")
    return result.stdout.strip()


def pull(image: str, *, answer_timeout_s: float, timeout_s: float = _PULL_S) -> None:
    """Pull an image. Raises SandboxError with the engine's words, or if the registry does not answer in time.

    Layers may take longer (``timeout_s``) once the registry has answered (``answer_timeout_s``).
    """
    command = ["docker", "pull", image]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            assert process.stdout is not None
            if not select.select([process.stdout], [], [], answer_timeout_s)[0]:
                raise SandboxError(f"the registry of {image} did not answer within {answer_timeout_s:g} s")
            said = process.communicate(timeout=timeout_s)[0].decode(errors="replace").strip()
        except subprocess.TimeoutExpired as expired:
            raise SandboxError(f"docker pull {image} was not done after {timeout_s:g} s") from expired
        finally:
            process.kill()
    if process.returncode:
        raise SandboxError(f"docker pull {image} failed: {said.splitlines()[-1] if said else process.returncode}")


def logs(container: str, *, lines: int = 20) -> str:
    """Return a container's last lines, including its standard error."""
    result = _run("logs", "--tail", str(lines), container, timeout_s=_CALL_S)
    return (result.stdout + result.stderr).strip()


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """Return Docker's description of an ``image``, ``container`` or ``network``, or None if it does not exist."""
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
