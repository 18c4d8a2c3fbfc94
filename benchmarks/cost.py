"""Compute the monthly cost of a stack. ``python -m benchmarks.cost`` prints the table of docs/reference.md.

The real handlers run on moto, as in tests/functions. Two healthy accounts of different size are swept, and every
request to AWS is counted: their difference is what a family costs, the rest is the same for every account. Then a
healthy revision is registered. The prices are AWS's public list prices of us-east-1, without free tiers.
"""

import io
import json
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from moto import mock_aws

from benchmarks.account import Account
from benchmarks.grant_path import registered_event
from tests.functions.stack import TEMPLATE

SIZES: Final = (200, 2_000, 20_000)
SMALL, LARGE = 20, 40  # families of the two measured accounts, both one page of a sweep
DAYS: Final = Fraction(365, 12)
SWEEPS: Final = 4 * DAYS  # template.yaml: every six hours
DEPLOYMENTS_A_FAMILY: Final = 20  # a month
CALL_S: Final = Fraction(20, 1000)  # how long a function waits for an AWS call, assumed
CPU_S: Final = Fraction(11, 1000)  # how long it computes for a message
MEMORY_GB: Final = 0.5
METRICS: Final = 26  # docs/operations.md: names and functions; only the hours in which one has data are paid for

# USD. https://aws.amazon.com/lambda/pricing/ and the same page of each service
PER_GB_SECOND: Final = 0.0000166667
PER_INVOCATION: Final = 0.20 / 1e6
PER_CALL: Final = {"secretsmanager": 0.05 / 1e4, "kms": 0.03 / 1e4}
PER_QUEUE_REQUEST: Final = 0.40 / 1e6
PER_FIFO_REQUEST: Final = 0.50 / 1e6
PER_READ: Final = 0.125 / 1e6  # DynamoDB on demand, up to 4 KB
PER_WRITE: Final = 0.625 / 1e6  # up to 1 KB
PER_ALARM: Final = 0.10
PER_METRIC: Final = 0.30
PER_KEY: Final = 1.00
PER_LOG_GB: Final = 0.50
PER_TRACE: Final = 5.00 / 1e6
LOG_LINE_KB: Final = 1.0
# Lambda polls each queue with at least five connections, each for 20 s at a time.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
POLLS: Final = 5 * DAYS * 86_400 / 20
READS: Final = frozenset({"GetItem", "Query", "BatchGetItem"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Requests to AWS by (service, operation), invocations of functions, and messages that they handled."""

    calls: Counter[tuple[str, str]]  # fractions, too
    invocations: Fraction = Fraction(0)
    messages: Fraction = Fraction(0)

    def __add__(self, other: "Work") -> "Work":
        both = self.calls.keys() | other.calls.keys()  # the sum of two Counters would drop what is below 1
        return Work(
            calls=Counter({each: self.calls[each] + other.calls[each] for each in both}),
            invocations=self.invocations + other.invocations,
            messages=self.messages + other.messages,
        )

    def times(self, factor: Fraction) -> "Work":
        """Return the work ``factor`` times."""
        calls = Counter({each: count * factor for each, count in self.calls.items()})
        return Work(calls=calls, invocations=self.invocations * factor, messages=self.messages * factor)

    def minus(self, other: "Work") -> "Work":
        """Return the difference; ``other`` is a part of this work."""
        return self + other.times(Fraction(-1))

    def of(self, service: str) -> int:
        """Return the number of requests to a service."""
        return sum(count for (name, _), count in self.calls.items() if name == service)


def _work(account: Account) -> Work:
    calls, invocations, messages = account.taken()
    return Work(calls=calls, invocations=Fraction(invocations), messages=Fraction(messages))


def swept(families: int) -> Work:
    """Return the work of a sweep of a healthy account that is known already."""
    with mock_aws():
        account = Account()
        account.load(families)
        for sweep in ("first", "second"):
            _work(account)
            account.invoke("sweep_account", [json.dumps({"sweep": sweep, "token": None})])
            account.invoke("validate_task_definition", account.bodies("ValidationQueue"))
            account.invoke("sweep_account", [json.dumps({"sweep": sweep, "check": 0})])
        return _work(account)


def deployed() -> Work:
    """Return the work for a healthy revision that is registered."""
    with mock_aws():
        account = Account()
        [revision] = account.load(1)
        account.invoke("resolve_change", [json.dumps(registered_event(revision))])
        account.invoke("validate_task_definition", account.bodies("ValidationQueue"))
        return _work(account)


def month(families: int, small: Work, large: Work, deployment: Work) -> Work:
    """Return the work of a month in an account with ``families``."""
    a_family = large.minus(small).times(Fraction(1, LARGE - SMALL))
    rest = small.minus(a_family.times(Fraction(SMALL)))
    sweep = rest + a_family.times(Fraction(families))
    return sweep.times(SWEEPS) + deployment.times(Fraction(families * DEPLOYMENTS_A_FAMILY))


def bill(work: Work) -> dict[str, float]:
    """Return the cost in USD by line of the bill."""
    functions, queues = len(TEMPLATE.functions()), TEMPLATE.of_type("AWS::SQS::Queue")
    reads = sum(count for (service, name), count in work.calls.items() if service == "dynamodb" and name in READS)
    received = POLLS * functions + 2 * work.invocations  # each batch is deleted, too
    fifo = sum(bool(each.get("FifoQueue")) for each in queues.values()) / len(queues)
    a_request = (1 - fifo) * PER_QUEUE_REQUEST + fifo * PER_FIFO_REQUEST
    busy_s = work.calls.total() * CALL_S + work.messages * CPU_S
    return {
        "KMS key of the topic": PER_KEY,
        "CloudWatch alarms": len(TEMPLATE.of_type("AWS::CloudWatch::Alarm")) * PER_ALARM,
        "CloudWatch metrics, at most": METRICS * PER_METRIC,
        "SQS": float(received + work.of("sqs")) * a_request,
        "Lambda": float(busy_s) * MEMORY_GB * PER_GB_SECOND + float(work.invocations) * PER_INVOCATION,
        "Secrets Manager": float(work.of("secretsmanager")) * PER_CALL["secretsmanager"],
        "KMS requests, all keys customer managed": float(work.of("kms")) * PER_CALL["kms"],
        "DynamoDB": float(reads) * PER_READ + float(work.of("dynamodb") - reads) * PER_WRITE,
        "logs and traces": float(work.messages) * LOG_LINE_KB / 1e6 * PER_LOG_GB + float(work.invocations) * PER_TRACE,
    }


def main() -> None:
    """Print the table of docs/reference.md."""
    with redirect_stdout(io.StringIO()):  # the functions' log
        measured = swept(SMALL), swept(LARGE), deployed()
    months = [month(families, *measured) for families in SIZES]
    bills = [bill(each) for each in months]
    print(f"| USD a month | {' | '.join(f'{families:,} families' for families in SIZES)} |")
    print("|---|" + "---|" * len(SIZES))
    for line in bills[0]:
        print(f"| {line} | {' | '.join(f'{each[line]:,.2f}' for each in bills)} |")
    print(f"| **together** | {' | '.join(f'**{sum(each.values()):,.0f}**' for each in bills)} |")
    counted = ", ".join(f"{float(each.messages):,.0f}" for each in months)
    print(
        f"\nMessages handled: {counted}. AWS calls:", ", ".join(f"{float(each.calls.total()):,.0f}" for each in months)
    )


if __name__ == "__main__":
    main()
