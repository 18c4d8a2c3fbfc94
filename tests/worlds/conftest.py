"""One in-process AWS for all worlds: switching it on takes longer than most of them do."""

from collections.abc import Iterator

import pytest
from moto import mock_aws


@pytest.fixture(scope="session", autouse=True)
def _moto() -> Iterator[None]:
    with mock_aws():
        yield
