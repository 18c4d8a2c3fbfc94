"""Find one task definition by family, revision or ARN, and gather all facts about it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from pullguard.aws.readers import AwsReaders, ReadValues, starting
from pullguard.aws.survey import survey_running
from pullguard.checks.gather import gather_about
from pullguard.domain.arn import Arn
from pullguard.domain.errors import Malformed, shown
from pullguard.domain.facts import Facts
from pullguard.domain.lookup import Lookup, Unreadable
from pullguard.domain.task_definition import TaskDefinition
from pullguard.domain.usage import Usage
from pullguard_cli.aws_failures import asking_aws
from pullguard_cli.connection import Connection, connect
from pullguard_cli.deployment import Deployment
from pullguard_cli.failures import CannotRun

_THREADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    """The facts about one revision. ``in_use`` describes where it runs (``service web in cluster prod``)."""

    facts: Facts
    in_use: tuple[str, ...]
    readers: AwsReaders


def connect_for(name: str, *, profile: str | None, region: str | None) -> Connection:
    """Connect to ``region``, or else to the Region of ``name`` if it is an ARN."""
    if not name.startswith("arn:"):
        return connect(profile=profile, region=region)
    try:
        arn = Arn.parse(name, service="ecs", resource_type="task-definition")
    except Malformed as malformed:
        raise CannotRun(f"{malformed}. Pass a family, FAMILY:REVISION, or a task definition ARN.") from malformed
    return connect(profile=profile, region=region or arn.region)


def examine_one(
    connection: Connection,
    name: str,
    *,
    values: ReadValues = "opted-in",
    live_registry: bool = False,
    cross_check: bool = False,
    secret_pattern: str = "*",  # noqa: S107 (of names)
    required_boundary: str = "",
    deployment: Deployment | None = None,
) -> One:
    """Gather all facts about the task definition ``name``. Raises ``CannotRun`` if it does not exist.

    ``secret_pattern`` and ``required_boundary`` are a deployment's RegistrySecretPattern and RequireRoleBoundary. With
    ``deployment``, its ledger says which starts beside services are known, what runs other task definitions, and what
    registries have answered.
    """
    readers = AwsReaders(
        connection.clients,
        values=values,
        account=connection.account,
        verify=live_registry,
        cross_check=cross_check,
        lists_all=True,
        secret_pattern=secret_pattern,
        required_boundary=required_boundary,
        starts=None if deployment is None else deployment.starts,
        places=None if deployment is None else deployment.services,
        loopback=True,
    )
    with asking_aws():
        found = _described(readers.ecs.describe(name), name, connection)
        newest = readers.ecs.describe(found.family)
        with ThreadPoolExecutor(_THREADS) as threads:
            running = survey_running(readers.ecs, threads)
        facts = gather_about(found, readers, now=datetime.now(UTC)).with_usage(running.usage(found, newest))
        if deployment is not None:
            facts = _as_known(facts, deployment, live_registry=live_registry)
    return One(facts=facts, in_use=running.places(found.arn), readers=readers)


def _as_known(facts: Facts, deployment: Deployment, *, live_registry: bool) -> Facts:
    """Return the facts with what the ledger of a deployment knows of the task definition."""
    arn, usage = facts.task_definition.arn, facts.usage
    if isinstance(usage, Usage):
        usage = starting(usage, arn, deployment.starts.schedules(), deployment.starts.alone())
    entry = deployment.ledger.entries.get(arn)
    facts = facts.with_usage(usage).with_had_pulled(facts.had_pulled or entry.had_pulled)
    return facts if live_registry else facts.with_accepted(entry.accepted)


def _described(found: Lookup[TaskDefinition], name: str, connection: Connection) -> TaskDefinition:
    match found:
        case TaskDefinition():
            return found
        case Unreadable():
            raise CannotRun(f"{found}.")
        case _:
            where = f"account {connection.account}, {connection.region}"
            raise CannotRun(f"There is no task definition {shown(name)} in {where}.")
