"""From the options that every command has to AWS: the standard credential chain, one account, one Region."""

import os
from dataclasses import dataclass
from typing import Final

import boto3
from botocore.config import Config

from pullguard.aws.clients import Clients
from pullguard.aws.pace import Pace
from pullguard.domain.arn import is_region
from pullguard.domain.errors import shown
from pullguard_cli.failures import CannotRun, asking_aws

ATTEMPTS: Final = 8  # more than Clients' default: adaptive retries, which slow down when AWS throttles
_FIRST_CONTACT: Final = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 2})


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Whose AWS it is, and how to ask it; ``caller`` is the ARN of whoever asks."""

    clients: Clients
    account: str
    region: str
    caller: str = ""


def connect(*, profile: str | None = None, region: str | None = None, max_rate: float | None = None) -> Connection:
    """Find credentials and ask AWS whose they are; raises ``CannotRun`` where that fails.

    ``max_rate`` is the most ECS calls about task definitions in a second.
    """
    with asking_aws():
        session = boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION"))
        if not session.region_name:
            raise CannotRun("No AWS Region is set. Give --region, or set AWS_REGION.")
        if not is_region(session.region_name):
            raise CannotRun(f"{shown(session.region_name)} is no AWS Region. Give --region one such as eu-central-1.")
        identity = session.client("sts", config=_FIRST_CONTACT).get_caller_identity()
        account, caller = identity["Account"], identity["Arn"]
    clients = Clients(session, attempts=ATTEMPTS)
    Pace(max_rate).keep(clients.get("ecs"))
    return Connection(clients=clients, account=account, region=session.region_name, caller=caller)
