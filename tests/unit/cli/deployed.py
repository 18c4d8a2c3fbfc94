"""A deployed stack on moto: outputs, ledger, stop parameter and sweep queue."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pullguard.aws.ssm import StopSwitch
from pullguard.domain.arn import Arn
from pullguard.domain.references import role_name
from pullguard.domain.stop import GO_ON, Stop
from pullguard.domain.usage import ScheduleUse
from pullguard.store.entries import Entry
from pullguard.store.ledger import Ledger
from pullguard.store.services import ServiceStore
from pullguard.store.starts import StartStore
from pullguard.store.task_definitions import Sweep, TaskDefinitionStore
from sandbox.emulator import client

ROLE = Arn.parse("arn:aws:iam::123456789012:role/web-execution")
POLICY = "pullguard-registry-credentials-us-east-1"
PARAMETER = "/pullguard/pullguard/stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The parts of the stack that tests inspect."""

    ledger: Ledger
    sweep_queue_url: str

    def stopped(self) -> Stop | None:
        found = StopSwitch(client("ssm"), PARAMETER).read()
        assert found is None or isinstance(found, Stop)
        return found

    def keep(self, role: Arn, **changes: Any) -> None:
        """Change the role's item in the ledger."""
        item = self.ledger.roles.item(role)
        assert self.ledger.roles.replace(role, item, replace(item, **changes))

    def uses(self, role: Arn, *task_definitions: str) -> None:
        """Let the ledger know that task definitions have the role."""
        for each in map(Arn.parse, task_definitions):
            self.ledger.entries.keep_references(
                each, Entry(seen=True), frozenset({role_name(role.account, role.resource_name)})
            )

    def starts(self, task_definition: str) -> None:
        """Let the ledger know that a rule starts a task definition."""
        use = ScheduleUse(kind="rule", name="nightly", within="target-1", task_definition=Arn.parse(task_definition))
        StartStore(client("dynamodb"), "ledger", now=lambda: datetime.now(UTC)).keep_schedules((use,))

    def complete_sweep(self) -> None:
        """Let the ledger know a complete sweep, which found no services, tasks or schedules."""
        table, now = client("dynamodb"), datetime.now(UTC)
        sweep = Sweep(id="s-1", began_at=now.isoformat(), due=None)
        TaskDefinitionStore(table, "ledger").save_complete(sweep, now=now)
        StartStore(table, "ledger", now=lambda: now).keep_schedules(())
        services = ServiceStore(table, "ledger", now=lambda: now)
        services.keep_listed(services.rows(), [], [], now=now)

    def sweeps(self) -> list[dict[str, Any]]:
        answer = client("sqs").receive_message(QueueUrl=self.sweep_queue_url, MaxNumberOfMessages=10)
        return [json.loads(each["Body"]) for each in answer.get("Messages", [])]


def create(name: str = "pullguard", **parameters: str) -> Stack:
    """Deploy a stack with those outputs of template.yaml that the commands use, and with ``parameters``."""
    keyed = {"pk": "HASH", "sk": "RANGE"}
    client("dynamodb").create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in keyed],
        KeySchema=[{"AttributeName": each, "KeyType": kind} for each, kind in keyed.items()],
    )
    client("ssm").put_parameter(Name=PARAMETER, Value=GO_ON, Type="String")
    url = client("sqs").create_queue(QueueName="sweeps")["QueueUrl"]
    create_stack(name, url, **parameters)
    return Stack(ledger=Ledger(client("dynamodb"), "ledger"), sweep_queue_url=url)


def create_stack(name: str, url: str = "", **parameters: str) -> None:
    """Create a CloudFormation stack with those outputs; a second one shares the ledger's table."""
    outputs = {"LedgerTable": "ledger", "StopParameter": PARAMETER, "SweepQueueUrl": url}
    template = {
        "Parameters": {parameter: {"Type": "String", "Default": value} for parameter, value in parameters.items()},
        "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {output: {"Value": value} for output, value in outputs.items()},
    }
    client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
