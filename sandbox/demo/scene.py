"""The harness: an embedded AWS with the deployed stack, a subscriber to the alerts, and a world."""

import json
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from sandbox import stack as stacks
from sandbox.agent import assume
from sandbox.demo.progress import Progress, wait_until
from sandbox.emulator import Call, Credentials, Emulator
from sandbox.inbox import Inbox, Letter
from sandbox.server import SandboxError
from sandbox.stack import Stack
from sandbox.world import World, load

QUIET_S = 4
"""Everything has settled if no function has called AWS for this long: twice the delay of a revalidation after a fix."""
_SETTLE_TIMEOUT_S = 180
_OPERATOR = "pullguard-operator"
_A_BATCH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A deployed stack and its surroundings; ``names`` are the values of the worlds' references.

    ``operator`` is an administrator whose role the stack knows (``OperatorRoleArns``): no other principal, not even the
    account's root, may put a message into a queue by hand.
    """

    aws: Emulator
    stack: Stack
    inbox: Inbox
    names: dict[str, str] = field(default_factory=dict)
    passwords: set[str] = field(default_factory=set, repr=False)
    roles: Mapping[str, str] = field(default_factory=dict)
    operator: Credentials = field(default_factory=Credentials)

    def load(self, world: World) -> None:
        """Create a world, or a part of one."""
        self.passwords.update(world.passwords())
        self.names.update(load(world, self.aws.client, self.names))

    def hold(self) -> None:
        """Pause the functions' queues: messages wait there."""
        self._listen(listens=False)

    def release(self) -> None:
        """Resume the functions' queues."""
        self._listen(listens=True)

    def _listen(self, *, listens: bool) -> None:
        client = self.aws.client("lambda")
        for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
            client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=listens)

    def send(self, queue: str, *bodies: str, group: str = "by hand") -> None:
        """Put messages into a queue (its logical id), as the operator; in a FIFO queue they are of one ``group``."""
        client, url = self.aws.client("sqs", self.operator), self.stack.queues[queue]
        for start in range(0, len(bodies), _A_BATCH):
            entries = [
                {"Id": str(number), "MessageBody": body} | (_ordered(group) if url.endswith(".fifo") else {})
                for number, body in enumerate(bodies[start : start + _A_BATCH])
            ]
            if failed := client.send_message_batch(QueueUrl=url, Entries=entries).get("Failed"):
                raise SandboxError(f"{queue} took not all messages: {failed}")

    def redrive(self, queue: str) -> None:
        """Move the dead letters of a queue (its logical id) back, as the operator."""
        client = self.aws.client("sqs", self.operator)
        both = (queue.removesuffix("Queue") + "DeadLetters", queue)
        source, destination = (
            client.get_queue_attributes(QueueUrl=self.stack.queues[each], AttributeNames=["QueueArn"])["Attributes"]
            for each in both
        )
        client.start_message_move_task(SourceArn=source["QueueArn"], DestinationArn=destination["QueueArn"])

    def calls(self, *, since_epoch_s: float = 0) -> tuple[Call, ...]:
        """Return the calls that the functions made."""
        own = set(self.roles.values())
        return tuple(call for call in self.aws.calls(since_epoch_s=since_epoch_s) if call.role in own)

    def unsettled(self) -> str:
        """Return what is in progress: waiting messages (except dead ones), or functions that call AWS; else nothing."""
        return self._calling() or self._waiting() or self._calling()  # a message may end while the queues are polled

    def _calling(self) -> str:
        late = self.calls(since_epoch_s=time.time() - QUIET_S)
        return f"{late[-1].role} called {late[-1].service}:{late[-1].action}" if late else ""

    def _waiting(self) -> str:
        waiting = {queue: depth for queue, depth in self.stack.depths().items() if depth and not is_dead(queue)}
        return f"messages wait in {waiting}" if waiting else ""

    def settle(self, *, timeout_s: float = _SETTLE_TIMEOUT_S) -> None:
        """Wait until nothing is in progress any more; raises SandboxError after ``timeout_s``."""
        if not wait_until(lambda: not self.unsettled(), timeout_s=timeout_s):
            raise SandboxError(f"after {timeout_s:g} s there is still something under way: {self.unsettled()}")

    def letters(self, *, after: int = 0) -> tuple[Letter, ...]:
        """Return what subscribers received, without the first ``after``."""
        return self.inbox.letters()[after:]


# In the sandbox, minutes bring the changes and the alerts of days.
IN_MINUTES: Final = {"DebounceSeconds": "1", "AlertsPerFamilyPerHour": "1000", "AlertsPerHour": "1000"}


def deploy(aws: Emulator, built: Path, parameters: Mapping[str, str], progress: Progress) -> Scene:
    """Deploy the stack and subscribe to its topic."""
    progress.say("deploying it into the embedded AWS: sam deploy")
    operator = _operator(aws)
    stack = stacks.deploy(aws, built, {"OperatorRoleArns": operator, **IN_MINUTES, **parameters})
    return Scene(
        aws=aws,
        stack=stack,
        inbox=Inbox.of(aws, stack.outputs["AlertTopicArn"]),
        roles={name: stack.role_of(name) for name in stack.functions},
        operator=assume(aws, operator, "by-hand"),
    )


def _operator(aws: Emulator) -> str:
    """Create the role of an administrator of the account; return its ARN."""
    iam, account = aws.client("iam"), f"arn:aws:iam::{aws.account_id}:root"
    trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    role = iam.create_role(Path="/people/", RoleName=_OPERATOR, AssumeRolePolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=_OPERATOR, PolicyName="everything", PolicyDocument=_document(everything))
    return str(role["Role"]["Arn"])


def _document(statement: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _ordered(group: str) -> dict[str, str]:
    return {"MessageGroupId": group, "MessageDeduplicationId": str(uuid.uuid4())}


def is_dead(queue: str) -> bool:
    """Whether a queue (its logical id) is a dead-letter queue."""
    return queue.endswith("DeadLetters")


def things_of(world: World) -> World:
    """Return a world without its registrations: it breaks nothing yet."""
    return replace(world, task_definitions=(), services=())


def registrations_of(world: World) -> World:
    """Return the rest: the registrations, and the services that run them."""
    return replace(world, policies=(), roles=(), keys=(), secrets=())


def about(letters: Iterable[Letter], family: str) -> tuple[Letter, ...]:
    """Return the letters about one family alone."""
    return tuple(letter for letter in letters if letter.families == (family,))
