"""A session on moto that counts its calls."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from tests.fakes import REGION


@pytest.fixture
def session() -> Iterator[tuple[boto3.Session, list[str]]]:
    """A session on moto, and the calls that are made through it."""
    with mock_aws():
        session = boto3.Session(region_name=REGION)
        calls: list[str] = []
        session.events.register("before-call", lambda model, **_: calls.append(model.name))
        yield session, calls
