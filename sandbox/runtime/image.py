"""The image of the Lambda runtime: AWS's own where it is here or can be pulled, else a stand-in made of packages.

The stand-in is Debian's Python of the runtime's version on a root file system by debootstrap, with AWS's runtime
interface client (awslambdaric) and boto3 where AWS's image has them. It carries a name of its own, so that nobody
takes it for AWS's, and the name holds a digest of all that it is made of, so that it is made once.

``python -m sandbox.runtime.image`` makes sure of one and prints which.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from sandbox.emulator import ROOT, SandboxError
from sandbox.engine import absence, docker, inspect

PYTHON: Final = "3.13"
SUITE: Final = "trixie"  # the Debian release that has this Python
PACKAGES: Final = ("ca-certificates", f"python{PYTHON}")
ARCHITECTURES: Final = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_FILES: Final = Path(__file__).parent / "rootfs"
_REQUIREMENTS: Final = ROOT / "requirements" / "runtime.txt"
_UV: Final = ROOT / ".venv" / "bin" / "uv"
_ENVIRONMENT: Final = {
    "LANG": "C.UTF-8",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
    "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
    "TZ": ":UTC",
}
_NOT_NEEDED: Final = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man")
_BUILD_TIMEOUT_S: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeImage:
    """An image that functions can run in. ``origin`` says in a few words what it is."""

    name: str
    origin: str
    is_stand_in: bool


def architecture() -> str:
    """Return this machine's architecture, as Lambda names it."""
    machine = platform.machine().lower()
    if machine not in ARCHITECTURES:
        raise SandboxError(f"Lambda has no architecture for this machine ({machine}).")
    return ARCHITECTURES[machine]


@cache
def ensure() -> RuntimeImage:
    """Return an image that is here now; raises SandboxError where there is none and none can be made."""
    if missing := absence():
        raise SandboxError(f"No Lambda runtime: {missing}.")
    real = f"public.ecr.aws/lambda/python:{PYTHON}-{architecture()}"
    if inspect("image", real):
        return RuntimeImage(name=real, origin="AWS's image", is_stand_in=False)
    name = f"pullguard/lambda-python:{PYTHON}-{architecture()}-{_digest()}"
    if inspect("image", name) is None:
        try:
            docker("pull", "--quiet", real, timeout_s=_BUILD_TIMEOUT_S)
        except SandboxError:
            _build(name)
        else:
            return RuntimeImage(name=real, origin="AWS's image, pulled now", is_stand_in=False)
    origin = f"a stand-in made of Debian's packages, since {real} can not be pulled"
    return RuntimeImage(name=name, origin=origin, is_stand_in=True)


def _digest() -> str:
    """Return a digest of everything that a stand-in is made of."""
    parts = [Path(__file__), _REQUIREMENTS, *sorted(_FILES.iterdir())]
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()[:12]


def _build(name: str) -> None:
    debootstrap = shutil.which("debootstrap", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if debootstrap is None or os.geteuid() != 0:
        raise SandboxError(
            f"AWS's image of the Lambda runtime can not be pulled, and a stand-in ({name}) can be made only as root "
            "and with debootstrap (apt-get install debootstrap)."
        )
    print(f"AWS's image can not be pulled: making {name} (about a minute, once) …", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="pullguard-runtime-") as scratch:
        root = Path(scratch) / "root"
        _call(debootstrap, "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root))
        for unneeded in _NOT_NEEDED:
            shutil.rmtree(root / unneeded, ignore_errors=True)
        _add_runtime(root)
        _import(root, name)


def _add_runtime(root: Path) -> None:
    """Lay out what AWS's image has besides Python."""
    runtime = root / "var" / "runtime"
    for folder in (runtime, root / "var" / "task", root / "opt"):
        folder.mkdir(parents=True, exist_ok=True)
    abi = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}[architecture()]
    options = ["--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:"]
    options += ["--python-version", PYTHON, "--python-platform", abi, "--target", str(runtime)]
    _call(str(_UV), "pip", "install", *options, "-r", str(_REQUIREMENTS))
    shutil.copy(_FILES / "bootstrap", runtime / "bootstrap")
    shutil.copy(_FILES / "lambda-entrypoint.sh", root / "lambda-entrypoint.sh")
    _call("chroot", str(root), f"/usr/bin/python{PYTHON}", "-m", "compileall", "-q", "/var/runtime")


def _import(root: Path, name: str) -> None:
    changes = [f"ENV {key}={value}" for key, value in _ENVIRONMENT.items()]
    changes += ["WORKDIR /var/task", 'ENTRYPOINT ["/lambda-entrypoint.sh"]']
    options = [part for change in changes for part in ("--change", change)]
    tar = ["tar", "--create", "--one-file-system", "--directory", str(root), "--file", "-", "."]
    with subprocess.Popen(tar, stdout=subprocess.PIPE) as packing:
        imported = subprocess.run(
            ["docker", "import", *options, "-", name],
            stdin=packing.stdout,
            capture_output=True,
            text=True,
            check=False,
            timeout=_BUILD_TIMEOUT_S,
        )
    if imported.returncode or packing.returncode:
        raise SandboxError(f"docker import of {name} failed: {imported.stderr.strip()}")


def _call(*command: str) -> None:
    result = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, timeout=_BUILD_TIMEOUT_S
    )
    if result.returncode:
        tail = "\n".join((result.stdout + result.stderr).splitlines()[-10:])
        raise SandboxError(f"{' '.join(command[:3])} … failed ({result.returncode}). Its last lines:\n{tail}")


def main() -> int:
    """Make sure of an image, and print its name and what it is."""
    try:
        image = ensure()
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Lambda runtime: {image.name}, {image.origin}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
