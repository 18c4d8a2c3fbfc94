"""The deployed stack, for commands that read the ledger or pause remediation."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from pullguard.aws.answers import DENIED, error_code
from pullguard.aws.cloudformation import Stacks
from pullguard.aws.iam import Iam
from pullguard.aws.messaging import Queues
from pullguard.aws.ssm import StopSwitch
from pullguard.domain.arn import Arn, partition_of
from pullguard.domain.errors import Denied, Malformed, MalformedItem, NotNow, shown
from pullguard.domain.lookup import Lookup, Missing, NotAsked, Unreadable
from pullguard.domain.policy_document import own_policy_name
from pullguard.domain.role import Role
from pullguard.domain.stop import Stop
from pullguard.store.ledger import Ledger
from pullguard.store.services import ServiceStore
from pullguard.store.starts import StartStore
from pullguard.store.task_definitions import TaskDefinitionStore
from pullguard_cli.aws_failures import one_line
from pullguard_cli.connection import Connection, connect
from pullguard_cli.failures import CannotRun

_WHO_MAY: Final = "See docs/operations.md for the permissions that this command needs."


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """The resources of a stack, found by its outputs. Calls use the caller's permissions; AWS errors propagate.

    ``parameters`` are the stack's; a stack of an earlier version lacks newer ones, and acts as by their defaults.
    """

    connection: Connection
    stack: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)

    def output(self, name: str) -> str:
        """Return an output of the stack. Raises ``CannotRun`` if the stack lacks it."""
        if name not in self.outputs:
            raise CannotRun(
                f"The stack {shown(self.stack)} has no output {name}: it is not a Pullguard stack, or it is older "
                "than this command. Pass the right --stack, or deploy this version."
            )
        return self.outputs[name]

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, a DynamoDB table."""
        return Ledger(self._dynamodb, self.output("LedgerTable"))

    @cached_property
    def starts(self) -> StartStore:
        """The ledger's task starts outside services."""
        return StartStore(self._dynamodb, self.output("LedgerTable"), now=_now)

    @cached_property
    def services(self) -> ServiceStore:
        """The ledger's services."""
        return ServiceStore(self._dynamodb, self.output("LedgerTable"), now=_now)

    @cached_property
    def definition_store(self) -> TaskDefinitionStore:
        """The ledger's task definitions and sweeps."""
        return TaskDefinitionStore(self._dynamodb, self.output("LedgerTable"))

    @property
    def _dynamodb(self) -> Any:
        return self.connection.clients.get("dynamodb")

    @property
    def mode(self) -> str:
        """The parameter Mode."""
        return self.parameters.get("Mode", "observe")

    @property
    def policy_name(self) -> str:
        """The name of the stack's policy on roles."""
        return own_policy_name(self.connection.region, self.stack)

    @cached_property
    def switch(self) -> StopSwitch:
        """The stop parameter in Parameter Store."""
        return StopSwitch(self.connection.clients.get("ssm"), self.output("StopParameter"))

    def stop(self) -> Lookup[Stop | None]:
        """Return the stack-wide stop, or None. ``NotAsked`` if the stack, and so the parameter's name, is unknown."""
        if "StopParameter" not in self.outputs:
            return NotAsked(
                why="the stop parameter is an output of the stack, which lacks it or was not read", switch="--stack"
            )
        return self.switch.read()

    @cached_property
    def queues(self) -> Queues:
        """SQS."""
        return Queues(self.connection.clients.get("sqs"))

    @cached_property
    def iam(self) -> Iam:
        """IAM."""
        return Iam(self.connection.clients.get("iam"))

    def role_arn(self, name: str) -> Arn:
        """Return the ARN of a role, given its ARN or its name with its path. Raises ``CannotRun`` if malformed."""
        connection = self.connection
        partition = partition_of(connection.region)
        text = name if name.startswith("arn:") else f"arn:{partition}:iam::{connection.account}:role/{name}"
        try:
            return Arn.parse(text, service="iam", resource_type="role")
        except Malformed as malformed:
            raise CannotRun(f"{malformed}. Pass a role name, with its path if it has one, or an ARN.") from (malformed)

    def role(self, arn: Arn) -> Role:
        """Read a role from IAM. Raises ``CannotRun`` if it cannot be read."""
        found = self.iam.role(arn)
        match found:
            case Role():
                return found
            case Missing():
                raise CannotRun(f"There is no role {shown(str(arn))}. Include its path if it has one, or pass its ARN.")
            case Unreadable():
                raise CannotRun(f"{found}.")
            case _:
                raise CannotRun(f"The role {shown(str(arn))} was not looked up.")


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def aws_errors() -> Iterator[None]:
    """Turn errors of AWS and of the ledger into ``CannotRun``, with a one-line message and remedy."""
    try:
        yield
    except Denied as error:
        raise CannotRun(f"{error}. {_WHO_MAY}") from error
    except ClientError as error:
        if error_code(error) in DENIED:
            raise CannotRun(f"AWS denied {error.operation_name} ({error_code(error)}). {_WHO_MAY}") from error
        raise CannotRun(one_line(error)) from error
    except BotoCoreError as error:
        raise CannotRun(one_line(error)) from error
    except (MalformedItem, NotNow) as error:
        raise CannotRun(str(error)) from error


def find(*, stack: str, table: str | None = None, profile: str | None, region: str | None) -> Deployment:
    """Connect and describe the stack. With ``table``, the name of the ledger table, no stack is read."""
    connection = connect(profile=profile, region=region)
    if table is not None:
        return Deployment(connection=connection, stack=stack, outputs={"LedgerTable": table})
    with aws_errors():
        found = Stacks(connection.clients.get("cloudformation")).describe(stack)
    return Deployment(connection=connection, stack=found.name, outputs=found.outputs, parameters=found.parameters)
