"""The image of the Lambda runtime: AWS's own if it is present or can be pulled, else the stand-in (`stand_in`).

AWS's image is tried first each time, so that an old stand-in does not remain once AWS's can be pulled.

``python -m sandbox.runtime.image`` ensures that one exists and prints which.
"""

import platform
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sandbox.engine import absence, inspect, pull
from sandbox.runtime import stand_in
from sandbox.server import SandboxError

REPOSITORY: Final = "public.ecr.aws/lambda/python"
ARCHITECTURES: Final = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
ANSWER_TIMEOUT_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeImage:
    """An image that functions can run in. ``origin`` describes it in a few words, and why it is not a better one."""

    name: str
    origin: str


def architecture() -> str:
    """Return this machine's architecture, as Lambda names it."""
    machine = platform.machine().lower()
    if machine not in ARCHITECTURES:
        raise SandboxError(f"Lambda has no architecture for this machine ({machine}).")
    return ARCHITECTURES[machine]


@cache
def ensure() -> RuntimeImage:
    """Return an image that is present now; raises SandboxError if there is no image and none can be built."""
    if missing := absence():
        raise SandboxError(f"No Lambda runtime: {missing}.")
    real = f"{REPOSITORY}:{stand_in.PYTHON}-{architecture()}"
    if here := inspect("image", real):
        return RuntimeImage(name=real, origin=_provenance(here))
    try:
        pull(real, answer_timeout_s=ANSWER_TIMEOUT_S)
    except SandboxError as error:
        kept = stand_in.ensure(architecture())
        made = "kept from an earlier run" if kept else "made now"
        origin = f"a stand-in of Debian's packages, {made}, since AWS's can not be pulled now: {error}"
        return RuntimeImage(name=stand_in.name(architecture()), origin=origin)
    return RuntimeImage(name=real, origin="AWS's image, pulled now")


def _provenance(here: dict[str, Any]) -> str:
    """Describe the origin of an image with AWS's name: a pulled one has the registry's digest."""
    if any(each.startswith(f"{REPOSITORY}@") for each in here.get("RepoDigests") or ()):
        return "AWS's image"
    return (
        "an image with AWS's name that was tagged or loaded on this machine, and not pulled: nothing says whose it is"
    )


def main() -> int:
    """Ensure that an image exists, and print its name and description."""
    try:
        image = ensure()
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Lambda runtime: {image.name}, {image.origin}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
