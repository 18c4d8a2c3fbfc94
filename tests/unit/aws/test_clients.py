"""boto3 clients: one for each service and Region."""

import pytest

from pullguard.aws.clients import Clients
from tests.fakes import REGION


def test_a_client_is_made_once_for_each_service_and_region() -> None:
    clients = Clients(region=REGION)
    assert clients.get("iam") is clients.get("iam", REGION)
    assert clients.get("kms") is not clients.get("kms", "eu-west-1")
    assert clients.get("kms", "eu-west-1").meta.region_name == "eu-west-1"


def test_the_session_chooses_the_region() -> None:
    clients = Clients(region="eu-west-1")
    assert (clients.region, clients.get("ecs").meta.region_name) == ("eu-west-1", "eu-west-1")


@pytest.mark.parametrize(("attempts", "mode"), [(5, "standard"), (6, "adaptive"), (12, "adaptive")])
def test_many_attempts_are_adaptive(attempts: int, mode: str) -> None:
    """botocore counts ``max_attempts`` without the first request."""
    config = Clients(region=REGION, attempts=attempts).get("ecs").meta.config
    assert (config.retries["mode"], config.retries["total_max_attempts"]) == (mode, attempts + 1)
    assert (config.connect_timeout, config.read_timeout) == (3, 10)
