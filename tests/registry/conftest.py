"""The real registry: left out where it is not installed, but never in continuous integration."""

import pytest

from tests.registry.presence import require_registry


@pytest.fixture(autouse=True, scope="session")
def installed() -> None:
    """The registry's packages."""
    require_registry()
