"""Measure a batch of ten healthy validations whose every AWS call takes 20 ms: the time, and the longest row of calls.

The real handler runs on moto, whose own work is part of the time. Each task definition has a role and a secret of its
own, so that no call is shared.
"""

import io
import os
import time
from collections import Counter
from contextlib import redirect_stdout
from threading import get_ident
from typing import Final

from moto import mock_aws

from tests.functions.stack import Context, Stack, failed, sqs_event
from tests.functions.world import allow, create_role, create_secret, register, request_body
from tests.moto_as_aws import answer_as_aws

CALL_S: Final = 0.02
BATCH: Final = 10
ROUNDS: Final = 5
FUNCTION: Final = "validate_task_definition"


def measure() -> tuple[float, int, int]:
    """Return the least time of several rounds in seconds, the calls of a round, and the most calls of one thread."""
    answer_as_aws()
    with mock_aws(), redirect_stdout(io.StringIO()):  # the function's log
        stack = Stack()
        stack.create()
        arns = []
        for number in range(BATCH):
            role, secret = create_role(stack, f"role-{number}"), create_secret(stack, f"registry/{number}")
            allow(stack, secret, role_name=f"role-{number}")
            arns.append(register(stack, secret, role=role, family=f"web-{number}"))
        os.environ.update(stack.environment(FUNCTION))
        module, calls, times = stack.start(FUNCTION), Counter[int](), list[float]()

        def take(_: object) -> None:
            calls[get_ident()] += 1
            time.sleep(CALL_S)

        stack.watching.append(take)
        for _ in range(1 + ROUNDS):  # the first one makes the clients and stores the references
            calls.clear()
            began = time.perf_counter()
            assert failed(module.handler(sqs_event(*map(request_body, arns)), Context(FUNCTION))) == []
            times.append(time.perf_counter() - began)
    return min(times[1:]), sum(calls.values()), max(calls.values())


def main() -> None:
    """Print the line of docs/benchmarks.md."""
    least_s, calls, row = measure()
    print(
        f"{BATCH} healthy validations at {CALL_S * 1000:.0f} ms a call: {least_s:.2f} s, {calls} calls, {row} in a row"
    )


if __name__ == "__main__":
    main()
