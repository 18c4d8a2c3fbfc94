"""Fixtures of every test: no access to AWS or the network, and a fixed clock."""

import gc
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.loaders import create_loader
from hypothesis import HealthCheck, settings
from moto import mock_aws

from pullguard.store.ledger import Ledger
from tests.fakes import NOW, REGION
from tests.memoized import memoize
from tests.moto_as_aws import answer_as_aws
from tests.scheduling import ByFileAndStack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient
    from xdist.remote import Producer

HERE = Path(__file__).parent
# Tests in these folders and files talk to servers of their own on this machine, and to nothing else.
ON_LOOPBACK = ("accounts/", "e2e/", "registry/", "remedies/", "runtime/", "unit/registry/")
LOOPBACK = ["127.0.0.1", "::1", "localhost"]

memoize()
answer_as_aws()
# Properties are about answers: how long one takes depends on what else the machine does.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile("patient")


def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> ByFileAndStack | None:
    """Keep the tests of one stack in one process, where those of one file stay together (``--dist loadfile``)."""
    return ByFileAndStack(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Take the net away: all of it from unit, contract and function tests, all but loopback from the others."""
    for item in items:
        if any(item.get_closest_marker(name) for name in ("enable_socket", "allow_hosts", "disable_socket")):
            continue
        if item.path.relative_to(HERE).as_posix().startswith(ON_LOOPBACK):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))
        else:
            item.add_marker(pytest.mark.disable_socket)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking all that was collected again and again: it lives to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_real_aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give boto3 credentials that open nothing; end-to-end tests bring those of the embedded AWS themselves."""
    if request.node.get_closest_marker("e2e"):
        return
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session", autouse=True)
def _read_once() -> "Iterator[None]":
    """Let all sessions of boto3 share what they have read of the services: each reads megabytes of JSON otherwise."""
    loader = create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", lambda *_paths: loader)
        yield


@pytest.fixture
def now() -> datetime:
    """The time at which every test happens."""
    return NOW


@pytest.fixture(scope="module")
def _dynamodb() -> "Iterator[DynamoDBClient]":
    """One embedded DynamoDB for the tests of a file: to start it costs more than most tests."""
    with mock_aws():
        yield boto3.client("dynamodb", region_name=REGION)


@pytest.fixture
def dynamodb(_dynamodb: "DynamoDBClient") -> "Iterator[DynamoDBClient]":
    """An empty ledger's table, called ``ledger``, keyed as the template says."""
    _dynamodb.create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    yield _dynamodb
    _dynamodb.delete_table(TableName="ledger")


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient") -> Ledger:
    """A ledger that remembers nothing yet."""
    return Ledger(dynamodb, "ledger")
