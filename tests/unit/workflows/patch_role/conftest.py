"""Harnesses, each with writes to IAM that are exactly those that it expects."""

from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.aws.iam import Iam
from pullguard.store.ledger import Ledger
from tests.fakes import REGION
from tests.flows import Harness
from tests.unit.workflows.patch_role.scene import PatchHarness, SetUp


@pytest.fixture
def set_up(ledger: Ledger) -> Iterator[SetUp]:
    client = boto3.client("iam", region_name=REGION)
    with Stubber(client) as stubber:
        yield lambda world, **changes: PatchHarness(
            Harness(ledger, replace(world, asked=[], unreadable={**world.unreadable}), **changes), stubber, Iam(client)
        )
        stubber.assert_no_pending_responses()
