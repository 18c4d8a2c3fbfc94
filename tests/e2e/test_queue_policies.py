"""The embedded AWS enforces queue policies as AWS does; otherwise tests of a wrong policy would pass."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.agent import assume
from sandbox.emulator import Credentials, Emulator

ROLE = "arn:aws:iam::111122223333:role/team/sender"
SESSIONS = "arn:aws:sts::111122223333:assumed-role/sender/*"
EVENT = {"Source": "mine", "DetailType": "A thing", "Detail": "{}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A queue with its ARN, and credentials of a role that may send to any."""

    aws: Emulator
    url: str
    arn: str
    sender: Credentials

    def admit(self, condition: Mapping[str, Any], effect: str = "Deny", principal: Any = "*") -> None:
        """Let the queue have this statement alone."""
        statement = {"Effect": effect, "Principal": principal, "Action": "sqs:SendMessage", "Resource": self.arn}
        document = {"Version": "2012-10-17", "Statement": [{**statement, "Condition": condition}]}
        self.aws.client("sqs").set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": json.dumps(document)})

    def takes(self, who: Credentials | None = None) -> bool:
        """Whether a message of this principal, by default the root, is accepted."""
        try:
            self.aws.client("sqs", who).send_message(QueueUrl=self.url, MessageBody="x")
        except ClientError as error:
            assert error.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}  # noqa: PT017
            return False
        return True

    def depth(self) -> int:
        name = "ApproximateNumberOfMessages"
        answer = self.aws.client("sqs").get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])
        return int(answer["Attributes"][name])


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    with Emulator() as aws:
        yield aws


@pytest.fixture(scope="module")
def sender(aws: Emulator) -> Credentials:
    iam = aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    iam.create_role(Path="/team/", RoleName="sender", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    iam.put_role_policy(RoleName="sender", PolicyName="may", PolicyDocument=json.dumps({"Statement": [may]}))
    return assume(aws, ROLE)


@pytest.fixture
def bench(aws: Emulator, sender: Credentials, request: pytest.FixtureRequest) -> Bench:
    name = f"bench-{abs(hash(request.node.name))}"
    url = aws.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    return Bench(aws=aws, url=url, arn=f"arn:aws:sqs:{aws.region}:{aws.account_id}:{name}", sender=sender)


def test_the_principal_of_a_session_is_its_role_path_and_all(bench: Bench) -> None:
    bench.admit({"ArnNotEquals": {"aws:PrincipalArn": ROLE}})
    assert (bench.takes(bench.sender), bench.takes()) == (True, False)


def test_a_policy_that_spares_sessions_only_denies_everybody(bench: Bench) -> None:
    bench.admit({"ArnNotLike": {"aws:PrincipalArn": SESSIONS}})
    assert (bench.takes(bench.sender), bench.takes()) == (False, False)


@pytest.mark.parametrize("operators", [["ArnNotEquals", "ArnNotEquals"], ["ArnNotEquals", "ArnNotLike"]])
def test_spared_principals_may_send(bench: Bench, operators: list[str]) -> None:
    condition: dict[str, Any] = {}
    for operator, key, value in zip(operators, ("SourceArn", "PrincipalArn"), ("arn:x", ROLE), strict=True):
        condition.setdefault(operator, {})[f"aws:{key}"] = value
    bench.admit(condition)
    assert (bench.takes(bench.sender), bench.takes()) == (True, False)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_rule_delivers_where_the_queue_lets_it(bench: Bench, is_named: bool) -> None:
    events = bench.aws.client("events")
    name = f"rule-{is_named}"
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": ["mine"]}))["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": bench.arn}])
    of = {"ArnEquals": {"aws:SourceArn": rule if is_named else f"{rule}-other"}}
    bench.admit(of, effect="Allow", principal={"Service": "events.amazonaws.com"})
    events.put_events(Entries=[EVENT])
    events.remove_targets(Rule=name, Ids=["1"])
    assert bench.depth() == int(is_named)


def test_a_queue_accepts_only_the_dead_letters_that_it_allows(bench: Bench) -> None:
    sqs = bench.aws.client("sqs", bench.sender)
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": bench.arn, "maxReceiveCount": 1})}
    for number, allowed in enumerate(({"redrivePermission": "denyAll"}, _by_queue("theirs"), _by_queue("mine-2"))):
        attributes = {"RedriveAllowPolicy": json.dumps(allowed)}
        bench.aws.client("sqs").set_queue_attributes(QueueUrl=bench.url, Attributes=attributes)
        if allowed == _by_queue("mine-2"):
            sqs.create_queue(QueueName=f"mine-{number}", Attributes=redrive)
            continue
        with pytest.raises(ClientError, match="RedriveAllowPolicy"):
            sqs.create_queue(QueueName=f"mine-{number}", Attributes=redrive)


def _by_queue(name: str) -> dict[str, Any]:
    return {"redrivePermission": "byQueue", "sourceQueueArns": [f"arn:aws:sqs:us-east-1:111122223333:{name}"]}


def test_who_may_not_send_to_a_queue_moves_nothing_there(bench: Bench) -> None:
    sqs = bench.aws.client("sqs", bench.sender)
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    sent = sqs.send_message(QueueUrl=dead, MessageBody="x")["MessageId"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bench.admit({"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/other"}})
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.start_message_move_task(SourceArn=arn, DestinationArn=bench.arn)
    bench.admit({"ArnNotEquals": {"aws:PrincipalArn": ROLE}})
    sqs.start_message_move_task(SourceArn=arn, DestinationArn=bench.arn)
    (moved,) = sqs.receive_message(QueueUrl=bench.url)["Messages"]
    assert moved["Body"] == "x"
    assert moved["MessageId"] != sent  # a moved message gets a new id
