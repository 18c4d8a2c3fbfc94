"""An account on moto and the deployed functions in one process, for benchmarks: what they ask of AWS is counted."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

from moto.sqs.models import sqs_backends

from tests.functions.stack import ACCOUNT, REGION, TEMPLATE, Context, Stack, sqs_event
from tests.functions.world import create_role, create_secret, register
from tests.memoized import memoize
from tests.moto_as_aws import answer_as_aws

FAMILIES_A_SECRET: Final = 4
SOURCES: Final = {
    name: next(iter(each["Events"].values()))["Properties"] for name, each in TEMPLATE.functions().items()
}
"""The queue that invokes each function, as the template says."""


class Account:
    """An account with the stack in it. Use it within ``mock_aws``."""

    def __init__(self) -> None:
        self.stack = Stack()
        self.stack.create()
        self.stack.watching.append(self._called)
        self._calls: Counter[tuple[str, str]] = Counter()
        self._invocations = self._messages = 0
        self._handlers: dict[str, Callable[..., Any]] = {}

    def load(self, families: int) -> list[str]:
        """Register healthy task definitions of ``families``, which share secrets and roles; return the ARNs."""
        key = self.stack.client("kms").create_key()["KeyMetadata"]["Arn"]
        arns = list[str]()
        for first in range(0, families, FAMILIES_A_SECRET):
            role, secret = self._pair(f"family-{first}", key)
            names = (f"family-{number}" for number in range(first, min(first + FAMILIES_A_SECRET, families)))
            arns.extend(register(self.stack, secret, role=role, family=name) for name in names)
        return arns

    def _pair(self, name: str, key: str) -> tuple[str, str]:
        """Create a role and a secret that it may read; return their ARNs."""
        role = create_role(self.stack, name)
        secret = create_secret(self.stack, f"registry/{name}", key=key)
        statements = [
            {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret},
            {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key},
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.stack.client("iam").put_role_policy(RoleName=name, PolicyName="pull", PolicyDocument=document)
        return role, secret

    def invoke(self, function: str, bodies: Iterable[str]) -> None:
        """Have a function handle messages, in batches as the template has them."""
        size = int(SOURCES[function]["BatchSize"])
        waiting = list(bodies)
        for start in range(0, len(waiting), size):
            batch = waiting[start : start + size]
            if function not in self._handlers:
                self._handlers[function] = self.start(function).handler
            answer = self._handlers[function](sqs_event(*batch), Context(function))
            assert answer == {"batchItemFailures": []}, (function, answer)
            self._invocations += 1
            self._messages += len(batch)

    def start(self, function: str) -> Any:
        """Start an instance of a function; return its module."""
        os.environ.update(self.stack.environment(function, Mode="remediate"))
        return self.stack.start(function)

    def _called(self, model: Any) -> None:
        self._calls[model.service_model.service_name, model.name] += 1

    def bodies(self, queue: str) -> list[str]:
        """Take the messages that lie in a queue, without waiting for their delays."""
        # As moto stores them: those that are delayed, too. Others may be added meanwhile.
        lying = sqs_backends[ACCOUNT][REGION].get_queue(self.stack.ids[queue].rpartition("/")[2])._messages  # noqa: SLF001
        return [str(lying.pop(0).body) for _ in range(len(lying))]

    def taken(self) -> tuple[Counter[tuple[str, str]], int, int]:
        """Return the requests by (service, operation), invocations and handled messages since the last time."""
        taken = self._calls, self._invocations, self._messages
        self._calls, self._invocations, self._messages = Counter(), 0, 0
        return taken


memoize()
answer_as_aws()
