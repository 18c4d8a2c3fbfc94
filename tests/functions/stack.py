"""The stack of template.yaml on moto: queues, bus, topic and table; and its functions, called as Lambda does."""

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from types import ModuleType
from typing import Any

import boto3
import botocore
from botocore.config import Config
from moto.sqs.models import sqs_backends

from pullguard.aws.clients import Clients
from pullguard.domain.policy_document import own_policy_name
from tests.contract.cloudformation import ROOT, load, said
from tests.contract.roles import given

TEMPLATE = load()
REGION, ACCOUNT = "us-east-1", "123456789012"
STACK_NAME = "pullguard"
OWN_POLICY = own_policy_name(REGION, STACK_NAME)
BATCH_MAX = 10
UNSIGNED = Config(signature_version=botocore.UNSIGNED)  # moto reads no signature, and making one costs half an answer
_numbers = count()
# A batch call needs the action of the single one, and a transaction those of its parts; everything else is called what
# it is allowed by.
_ACTIONS = {"sqs:SendMessageBatch": {"sqs:SendMessage"}}


@cache
def _client(service: str) -> Any:
    """Clients outlive the stacks: to make one costs more than most of what a test asks of it."""
    session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)
    # The name of the service is a variable here, so that no stub knows the client's type.
    return session.client(service, config=UNSIGNED)  # type: ignore[call-overload]


@dataclass
class Context:
    """The context that Lambda passes to a handler; it leaves an hour, so that no answer depends on a busy machine."""

    function_name: str
    remaining_ms: int = 3_600_000
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:f"
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@dataclass
class Stack:
    """The stack's resources by their logical ids, and what the functions called, as IAM actions by function.

    ``watching`` gets each call before it is made: botocore's model of the operation.
    """

    ids: dict[str, str] = field(default_factory=dict)
    called: dict[str, set[str]] = field(default_factory=dict)
    breaking: dict[str, Exception] = field(default_factory=dict)
    watching: list[Callable[[Any], object]] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return _client(service)

    def create(self, queues: frozenset[str] | None = None) -> None:
        """Create everything, or only ``queues`` (logical ids); a partial stack has no subscriber to its alerts."""
        sqs, events = self.client("sqs"), self.client("events")
        for name, properties in TEMPLATE.of_type("AWS::SQS::Queue").items():
            if queues is not None and name not in queues:
                continue
            fifo = properties.get("FifoQueue", False)
            attributes = {"FifoQueue": "true"} if fifo else {}
            queue = sqs.create_queue(QueueName=f"{name}{'.fifo' if fifo else ''}", Attributes=attributes)
            self.ids[name] = queue["QueueUrl"]
        table = TEMPLATE.of_type("AWS::DynamoDB::Table")["Ledger"]
        self.client("dynamodb").create_table(
            TableName="ledger",
            **{name: table[name] for name in ("BillingMode", "AttributeDefinitions", "KeySchema")},
        )
        self.ids["Ledger"] = "ledger"
        switch = TEMPLATE.of_type("AWS::SSM::Parameter")["StopSwitch"]
        self.client("ssm").put_parameter(Name="/pullguard/stop", Value=switch["Value"], Type=switch["Type"])
        self.ids["StopSwitch"] = "/pullguard/stop"
        events.create_event_bus(Name="bus")
        self.ids["Bus"] = "bus"
        self._deliver_facts()
        if queues is None:
            self.ids["AlertTopic"] = self.client("sns").create_topic(Name="topic")["TopicArn"]
            self._subscribe_an_inbox()

    def _deliver_facts(self) -> None:
        rule = TEMPLATE.of_type("AWS::Events::Rule")["AlertRule"]
        events = self.client("events")
        events.put_rule(Name="alert", EventBusName="bus", EventPattern=json.dumps(rule["EventPattern"]))
        target = {"Id": "AlertQueue", "Arn": self.arn("AlertQueue")}
        events.put_targets(Rule="alert", EventBusName="bus", Targets=[target])

    def _subscribe_an_inbox(self) -> None:
        self.ids["Inbox"] = self.client("sqs").create_queue(QueueName="Inbox")["QueueUrl"]
        self.client("sns").subscribe(TopicArn=self.ids["AlertTopic"], Protocol="sqs", Endpoint=self.arn("Inbox"))

    def arn(self, queue: str) -> str:
        answer = self.client("sqs").get_queue_attributes(QueueUrl=self.ids[queue], AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    # --- functions ---

    def environment(self, function: str, **parameters: str) -> dict[str, str]:
        """Return a function's environment from the template, with the parameters' defaults or those given."""
        shared = TEMPLATE.data["Globals"]["Function"]["Environment"]["Variables"]
        own = TEMPLATE.functions()[function]["Environment"]["Variables"]
        defaults = {name: str(each["Default"]) for name, each in TEMPLATE.data["Parameters"].items()}
        home = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::StackName": STACK_NAME}
        known = {**home, **self.ids, **defaults, **parameters}
        return {
            name: known[value["Ref"]] if isinstance(value, dict) else said(value)
            for name, value in {**shared, **own}.items()
        }

    def load(self, function: str) -> ModuleType:
        """Import a function's app.py anew, as a cold start does, in the present environment."""
        path = ROOT / "functions" / function / "app.py"
        spec = importlib.util.spec_from_file_location(f"{function}_{next(_numbers)}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        # Loggers outlive a module: this one may still write where an earlier test listened.
        module.logger.registered_handler.stream = sys.stdout
        return module

    def start(self, function: str) -> ModuleType:
        """Load a function, and note what it calls."""
        module = self.load(function)
        session = boto3.Session(region_name=REGION)
        session.events.register("before-call", lambda model, params, **_: self._note(function, model, params))
        module.deployment.clients = Clients(session)
        return module

    def _note(self, function: str, model: Any, params: Any) -> None:
        for watch in self.watching:
            watch(model)
        name = f"{model.service_model.signing_name}:{model.name}"
        actions = _ACTIONS.get(name, {name})
        if model.name == "TransactWriteItems":
            actions = {f"dynamodb:{kind}Item" for part in json.loads(params["body"])["TransactItems"] for kind in part}
        self.called.setdefault(function, set()).update(actions)
        if model.name in self.breaking:
            raise self.breaking[model.name]

    def forbidden(self) -> dict[str, set[str]]:
        """Return the actions that functions called although their roles in the template do not allow them."""
        allowed = {name: {action for action, _, _ in given(TEMPLATE, name)} for name in self.called}
        return {name: more for name, actions in self.called.items() if (more := actions - allowed[name])}

    # --- queues ---

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Take everything that lies in a queue: bodies with their attributes."""
        taken: list[dict[str, Any]] = []
        while True:
            answer = self.client("sqs").receive_message(
                QueueUrl=self.ids[queue],
                MaxNumberOfMessages=BATCH_MAX,
                MessageAttributeNames=["All"],
                AttributeNames=["All"],
                VisibilityTimeout=600,
            )
            taken += (some := answer.get("Messages", []))
            if len(some) < BATCH_MAX:
                return taken

    def has_messages(self, queue: str) -> bool:
        """Whether any lie in a queue: read where moto keeps them, since a question to SQS costs much of a step."""
        name = self.ids[queue].rpartition("/")[2]
        return any(each.visible for each in sqs_backends[ACCOUNT][REGION].get_queue(name)._messages)

    def waiting(self, queue: str) -> int:
        """How many messages lie in a queue, those that are still delayed among them."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
        answer = self.client("sqs").get_queue_attributes(QueueUrl=self.ids[queue], AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def items(self) -> list[dict[str, Any]]:
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName="ledger")
        return [item for page in pages for item in page["Items"]]


def sqs_event(*bodies: str, groups: tuple[str, ...] = ()) -> dict[str, Any]:
    """The event with which Lambda hands over a batch; message ids are ``m-0``, ``m-1``, ..."""
    return {
        "Records": [
            {
                "messageId": f"m-{number}",
                "receiptHandle": "handle",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1700000000000",
                    **({"MessageGroupId": groups[number]} if groups else {}),
                },
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:queue",
                "awsRegion": REGION,
            }
            for number, body in enumerate(bodies)
        ]
    }


def failed(response: dict[str, Any]) -> list[str]:
    """The ids of the messages that go back to their queue."""
    return [each["itemIdentifier"] for each in response["batchItemFailures"]]
