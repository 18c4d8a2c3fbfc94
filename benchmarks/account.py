"""An account on moto and the deployed functions in one process, for benchmarks: what they ask of AWS is counted."""

import copy
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

from moto.dynamodb.models.table import Table
from moto.sqs.models import sqs_backends

from tests.functions.stack import ACCOUNT, REGION, TEMPLATE, Context, Stack, sqs_event
from tests.functions.world import create_role, create_secret, register
from tests.memoized import memoize
from tests.moto_as_aws import answer_as_aws

FAMILIES_A_SECRET: Final = 4
BATCHES: Final = {
    name: int(next(iter(each["Events"].values()))["Properties"]["BatchSize"])
    for name, each in TEMPLATE.functions().items()
}


class Account:
    """An account with the stack in it. Use it within ``mock_aws``."""

    def __init__(self) -> None:
        self.stack = Stack()
        self.stack.create()
        self.stack.watching.append(self._called)
        self._calls: Counter[tuple[str, str]] = Counter()
        self._invocations = self._messages = 0
        self._handlers: dict[str, Callable[..., Any]] = {}

    def load(
        self, families: int, *, healthy: bool, prefix: str = "family", families_a_secret: int = FAMILIES_A_SECRET
    ) -> list[str]:
        """Register task definitions of ``families``, which share secrets and roles; return the ARNs.

        If they are not ``healthy``, no role may read its secret, and no owner agrees to a grant.
        """
        key = self.stack.client("kms").create_key()["KeyMetadata"]["Arn"]
        arns = list[str]()
        for first in range(0, families, families_a_secret):
            role, secret = self._pair(f"{prefix}-{first}", key, healthy=healthy)
            names = (f"{prefix}-{number}" for number in range(first, min(first + families_a_secret, families)))
            arns.extend(register(self.stack, secret, role=role, family=name) for name in names)
        return arns

    def _pair(self, name: str, key: str, *, healthy: bool) -> tuple[str, str]:
        """Create a role and a secret that it may read; return their ARNs."""
        role = create_role(self.stack, name, managed=healthy)
        secret = create_secret(self.stack, f"registry/{name}", key=key)
        statements = [
            {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret},
            {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key},
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        if healthy:
            self.stack.client("iam").put_role_policy(RoleName=name, PolicyName="pull", PolicyDocument=document)
        return role, secret

    def run(self, revisions: Iterable[str], cluster: str = "main") -> None:
        """Create a service for each of ``revisions``."""
        ecs = self.stack.client("ecs")
        ecs.create_cluster(clusterName=cluster)
        for number, revision in enumerate(revisions):
            ecs.create_service(cluster=cluster, serviceName=f"s-{number}", taskDefinition=revision, desiredCount=0)

    def know(self) -> None:
        """Let a sweep list the account, so that the ledger knows the services; nothing is validated."""
        steps = [json.dumps({"sweep": "before", "token": None})]
        while steps and '"check"' not in steps[0]:
            self.invoke("sweep_account", steps)
            steps = self.bodies("SweepQueue")
        self.bodies("ValidationQueue")

    def invoke(self, function: str, bodies: Iterable[str]) -> None:
        """Have a function handle messages, in batches as the template has them."""
        size = BATCHES[function]
        waiting = list(bodies)
        for start in range(0, len(waiting), size):
            batch = waiting[start : start + size]
            answer = self._handler(function)(sqs_event(*batch), Context(function))
            assert answer == {"batchItemFailures": []}, (function, answer)
            self._invocations += 1
            self._messages += len(batch)

    def _handler(self, function: str) -> Callable[..., Any]:
        if function not in self._handlers:
            os.environ.update(self.stack.environment(function, Mode="remediate"))
            self._handlers[function] = self.stack.start(function).handler
        return self._handlers[function]

    def _called(self, model: Any) -> None:
        self._calls[model.service_model.service_name, model.name] += 1

    def bodies(self, queue: str) -> list[str]:
        """Take the messages that lie in a queue, without waiting for their delays."""
        # As moto stores them: those that are delayed, too, and without a look at each for every batch of ten.
        lying = sqs_backends[ACCOUNT][REGION].get_queue(self.stack.ids[queue].rpartition("/")[2])._messages  # noqa: SLF001
        bodies = [str(each.body) for each in lying]
        lying.clear()
        return bodies

    def taken(self) -> tuple[Counter[tuple[str, str]], int, int]:
        """Return the requests by (service, operation), invocations and handled messages since the last time."""
        taken = self._calls, self._invocations, self._messages
        self._calls, self._invocations, self._messages = Counter(), 0, 0
        return taken


def _lighten_moto() -> None:
    """Let moto's Query look at one partition, and its transactions copy no items.

    moto sorts the whole table for a query and copies each item of it for a transaction, which hides what we cost.
    """
    query = Table.query

    def query_partition(self: Table, hash_key: Any, *arguments: Any, **options: Any) -> Any:
        whole = self.items
        self.items = {hash_key: whole[hash_key]} if hash_key in whole else {}  # type: ignore[assignment]
        try:
            return query(self, hash_key, *arguments, **options)
        finally:
            self.items = whole

    def copied(self: Table, _: object) -> Table:
        light = copy.copy(self)
        light.items = copy.copy(self.items)
        for key, items in self.items.items():
            light.items[key] = dict(items)
        return light

    Table.query = query_partition  # type: ignore[method-assign]
    Table.__deepcopy__ = copied  # type: ignore[attr-defined]


memoize()
answer_as_aws()
_lighten_moto()
