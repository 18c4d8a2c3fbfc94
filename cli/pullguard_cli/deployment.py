"""The deployed stack, as the commands see it that look into the ledger or hold Pullguard back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from pullguard.aws.answers import DENIED, error_code
from pullguard.aws.cloudformation import Stacks
from pullguard.aws.iam import Iam
from pullguard.aws.messaging import Queues
from pullguard.aws.ssm import StopSwitch
from pullguard.domain.arn import Arn, partition_of
from pullguard.domain.errors import Denied, Malformed, shown
from pullguard.domain.facts import Lookup, Missing, NotAsked, Role, Unreadable
from pullguard.domain.stop import Stop
from pullguard.store.ledger import Ledger
from pullguard_cli.connection import Connection, connect
from pullguard_cli.failures import CannotRun, one_line

_WHO_MAY: Final = "docs/operations.md says what this command needs."


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A stack's parts, by the stack's outputs, and AWS with the caller's own rights; errors of AWS propagate."""

    connection: Connection
    stack: str
    outputs: Mapping[str, str]

    def output(self, name: str) -> str:
        """Return an output of the stack; raises ``CannotRun`` where it has none of that name."""
        if name not in self.outputs:
            raise CannotRun(
                f"The stack {shown(self.stack)} has no output {name}: it is none of Pullguard's, or older than this "
                "command. Give --stack its name, or deploy this version."
            )
        return self.outputs[name]

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger."""
        return Ledger(self.connection.clients.get("dynamodb"), self.output("LedgerTable"))

    @cached_property
    def switch(self) -> StopSwitch:
        """The stop parameter."""
        return StopSwitch(self.connection.clients.get("ssm"), self.output("StopParameter"))

    def stop(self) -> Lookup[Stop | None]:
        """Return the stack-wide stop, None where there is none; not looked where nobody knows the parameter."""
        if "StopParameter" not in self.outputs:
            return NotAsked(
                why="the stop parameter is an output of the stack, which has none or was not asked", switch="--stack"
            )
        return self.switch.read()

    @cached_property
    def queues(self) -> Queues:
        """The queues."""
        return Queues(self.connection.clients.get("sqs"))

    @cached_property
    def iam(self) -> Iam:
        """IAM."""
        return Iam(self.connection.clients.get("iam"))

    def role_arn(self, name: str) -> Arn:
        """Return the ARN of a role that is named by its ARN, or by its name with or without the path."""
        connection = self.connection
        partition = partition_of(connection.region)
        text = name if name.startswith("arn:") else f"arn:{partition}:iam::{connection.account}:role/{name}"
        try:
            return Arn.parse(text, service="iam", resource_type="role")
        except Malformed as malformed:
            raise CannotRun(f"{malformed}. Give the name of a role, with its path where it has one, or its ARN.") from (
                malformed
            )

    def role(self, arn: Arn) -> Role:
        """Return a role as it stands in IAM; raises ``CannotRun`` where it cannot be read."""
        found = self.iam.role(arn)
        match found:
            case Role():
                return found
            case Missing():
                raise CannotRun(f"There is no role {shown(str(arn))}. Give its path too, where it has one, or its ARN.")
            case Unreadable():
                raise CannotRun(f"{found}.")
            case _:
                raise CannotRun(f"The role {shown(str(arn))} was not looked up.")


@contextmanager
def aws_errors() -> Iterator[None]:
    """Turn an error of AWS into ``CannotRun``, in one line with the remedy."""
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


def find(*, stack: str, table: str | None = None, profile: str | None, region: str | None) -> Deployment:
    """Connect and find the stack; with ``table``, the ledger's table is known and no stack is asked for."""
    connection = connect(profile=profile, region=region)
    if table is not None:
        return Deployment(connection=connection, stack=stack, outputs={"LedgerTable": table})
    with aws_errors():
        outputs = Stacks(connection.clients.get("cloudformation")).outputs(stack)
    return Deployment(connection=connection, stack=stack, outputs=outputs)
