"""A deployed stack on moto: outputs, ledger, stop parameter and sweep queue."""

import json
from dataclasses import dataclass
from typing import Any

from pullguard.aws.ssm import StopSwitch
from pullguard.domain.arn import Arn
from pullguard.domain.stop import GO_ON, Stop
from pullguard.store.ledger import Ledger
from sandbox.emulator import client

ROLE = Arn.parse("arn:aws:iam::123456789012:role/web-execution")
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

    def sweeps(self) -> list[dict[str, Any]]:
        answer = client("sqs").receive_message(QueueUrl=self.sweep_queue_url, MaxNumberOfMessages=10)
        return [json.loads(each["Body"]) for each in answer.get("Messages", [])]


def create(name: str = "pullguard") -> Stack:
    """Deploy a stack with those outputs of template.yaml that the commands use."""
    keyed = {"pk": "HASH", "sk": "RANGE"}
    client("dynamodb").create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in keyed],
        KeySchema=[{"AttributeName": each, "KeyType": kind} for each, kind in keyed.items()],
    )
    client("ssm").put_parameter(Name=PARAMETER, Value=GO_ON, Type="String")
    url = client("sqs").create_queue(QueueName="sweeps")["QueueUrl"]
    create_stack(name, url)
    return Stack(ledger=Ledger(client("dynamodb"), "ledger"), sweep_queue_url=url)


def create_stack(name: str, url: str = "") -> None:
    """Create a CloudFormation stack with those outputs; a second one shares the ledger's table."""
    outputs = {"LedgerTable": "ledger", "StopParameter": PARAMETER, "SweepQueueUrl": url}
    template = {
        "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {output: {"Value": value} for output, value in outputs.items()},
    }
    client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
