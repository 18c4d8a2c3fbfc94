"""The real registry is left out where it is not installed, but never in continuous integration."""

import pytest

from sandbox.registry import missing_packages
from sandbox.runtime.available import is_gate


def require_registry() -> None:
    """Leave the test out, or fail it, where the registry's Debian packages are missing."""
    lacking = missing_packages()
    if not lacking:
        return
    reason = f"the Debian package(s) {', '.join(lacking)} are not installed: apt-get install {' '.join(lacking)}"
    if is_gate():
        pytest.fail(f"No private registry: {reason}", pytrace=False)
    pytest.skip(f"left out: {reason}")
