"""A stand-in for AWS's image of the Lambda runtime, built from packages, for machines that cannot pull AWS's.

Debian's Python of the runtime's version on a root file system by debootstrap, with AWS's runtime interface client
(awslambdaric) and boto3 in the same places as in AWS's image. It has a name of its own, so that it is not mistaken for
AWS's. The name contains a digest of all its inputs, so that it is built once.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from sandbox.emulator import ROOT
from sandbox.engine import inspect
from sandbox.server import SandboxError

PYTHON: Final = "3.13"
SUITE: Final = "trixie"  # the Debian release that has this Python
PACKAGES: Final = ("ca-certificates", f"python{PYTHON}")
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


def name(architecture: str) -> str:
    """Return the name of the stand-in for an architecture (``x86_64``, ``arm64``), even if it does not exist yet."""
    return f"pullguard/lambda-python:{PYTHON}-{architecture}-{_digest()}"


def ensure(architecture: str) -> bool:
    """Build the stand-in unless it exists; return whether it existed. Raises SandboxError if it cannot be built."""
    here = inspect("image", name(architecture)) is not None
    if not here:
        _build(name(architecture), architecture)
    return here


def _digest() -> str:
    """Return a digest of all inputs of a stand-in."""
    parts = [Path(__file__), _REQUIREMENTS, *sorted(_FILES.iterdir())]
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()[:12]


def _build(image: str, architecture: str) -> None:
    debootstrap = shutil.which("debootstrap", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if debootstrap is None or os.geteuid() != 0:
        raise SandboxError(
            f"AWS's image of the Lambda runtime can not be pulled, and a stand-in ({image}) can be made only as root "
            "and with debootstrap (apt-get install debootstrap)."
        )
    print(f"AWS's image can not be pulled: making {image} (about a minute, once) …", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="pullguard-runtime-") as scratch:
        root = Path(scratch) / "root"
        _call(debootstrap, "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root))
        for unneeded in _NOT_NEEDED:
            shutil.rmtree(root / unneeded, ignore_errors=True)
        _add_runtime(root, architecture)
        _import(root, image)


def _add_runtime(root: Path, architecture: str) -> None:
    """Add what AWS's image has besides Python."""
    runtime = root / "var" / "runtime"
    for folder in (runtime, root / "var" / "task", root / "opt"):
        folder.mkdir(parents=True, exist_ok=True)
    abi = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}[architecture]
    options = ["--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:"]
    options += ["--python-version", PYTHON, "--python-platform", abi, "--target", str(runtime)]
    _call(str(_UV), "pip", "install", *options, "-r", str(_REQUIREMENTS))
    shutil.copy(_FILES / "bootstrap", runtime / "bootstrap")
    shutil.copy(_FILES / "lambda-entrypoint.sh", root / "lambda-entrypoint.sh")
    _call("chroot", str(root), f"/usr/bin/python{PYTHON}", "-m", "compileall", "-q", "/var/runtime")


def _import(root: Path, image: str) -> None:
    changes = [f"ENV {key}={value}" for key, value in _ENVIRONMENT.items()]
    changes += ["WORKDIR /var/task", 'ENTRYPOINT ["/lambda-entrypoint.sh"]']
    options = [part for change in changes for part in ("--change", change)]
    tar = ["tar", "--create", "--one-file-system", "--directory", str(root), "--file", "-", "."]
    with subprocess.Popen(tar, stdout=subprocess.PIPE) as packing:
        imported = subprocess.run(
            ["docker", "import", *options, "-", image],
            stdin=packing.stdout,
            capture_output=True,
            text=True,
            check=False,
            timeout=_BUILD_TIMEOUT_S,
        )
    if imported.returncode or packing.returncode:
        raise SandboxError(f"docker import of {image} failed: {imported.stderr.strip()}")


def _call(*command: str) -> None:
    result = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, timeout=_BUILD_TIMEOUT_S
    )
    if result.returncode:
        tail = "\n".join((result.stdout + result.stderr).splitlines()[-10:])
        raise SandboxError(f"{' '.join(command[:3])} … failed ({result.returncode}). Its last lines:\n{tail}")
