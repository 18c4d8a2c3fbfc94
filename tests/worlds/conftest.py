"""One in-process AWS for the worlds of a file: switching it on takes longer than most of them do."""

from collections.abc import Iterator

import pytest
from moto import mock_aws


@pytest.fixture(scope="module", autouse=True)
def _moto() -> Iterator[None]:
    with mock_aws():
        yield
