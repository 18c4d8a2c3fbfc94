"""Connect to one AWS account and Region, with the standard credential chain."""

import os
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from pullguard.aws.clients import Clients
from pullguard.aws.pace import Pace
from pullguard.domain.arn import dns_suffix_of, is_region, partition_of
from pullguard.domain.errors import shown
from pullguard_cli.aws_failures import asking_aws
from pullguard_cli.failures import CannotRun

ATTEMPTS: Final = 8  # more than the default of Clients; adaptive retries slow down when AWS throttles
_FIRST_CONTACT: Final = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 2})


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The clients of one account and Region. ``caller`` is the ARN of the caller."""

    clients: Clients
    account: str
    region: str
    caller: str = ""

    @property
    def is_aws(self) -> bool:
        """Whether ECS is AWS's own, and not an emulator, whose revisions may change."""
        host = urlsplit(self.clients.get("ecs").meta.endpoint_url).hostname or ""
        return host.endswith((f".{dns_suffix_of(partition_of(self.region))}", ".api.aws"))


def connect(*, profile: str | None = None, region: str | None = None, max_rate: float | None = None) -> Connection:
    """Find credentials and identify the caller. Raises ``CannotRun`` if that fails.

    ``max_rate`` limits ECS task definition calls, per second.
    """
    with asking_aws():
        session = boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION"))
        if not session.region_name:
            raise CannotRun("No AWS Region is set. Pass --region or set AWS_REGION.")
        if not is_region(session.region_name):
            raise CannotRun(f"{shown(session.region_name)} is not an AWS Region. Pass one such as eu-central-1.")
        identity = session.client("sts", config=_FIRST_CONTACT).get_caller_identity()
        account, caller = identity["Account"], identity["Arn"]
    clients = Clients(session, attempts=ATTEMPTS)
    Pace(max_rate).keep(clients.get("ecs"))
    return Connection(clients=clients, account=account, region=session.region_name, caller=caller)
